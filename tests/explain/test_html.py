"""Derivations as page parts: sound HTML, no script and no network, names that cannot break out."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from chainrule.explain.render import html
from chainrule.explain.render.html import bar
from tests.explain.derived import dead, derivations, masked, two_two_one, wide, with_proof

VOID = {"br", "meta", "mspace"}


class Checker(HTMLParser):
    """Notes tags, and that each is closed in turn."""

    def __init__(self):
        super().__init__()
        self.stack, self.tags, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def checked(told):
    checker = Checker()
    checker.feed(told)
    checker.close()
    assert not checker.stack
    assert not {"script", "link", "img", "iframe", "object"} & set(checker.tags)
    assert "http" not in told
    assert "url(" not in told
    assert "@import" not in told
    assert not [name for name in checker.attributes if name.startswith("on")]
    return checker


@settings(max_examples=25)
@given(derivations())
def test_every_page_part_is_sound_and_fetches_nothing(why):
    told = why.html()
    tags = checked(told).tags
    assert "math" in tags
    assert "nan" not in re.sub(r"<style>.*?</style>", "", told, flags=re.DOTALL).lower()


def test_a_name_cannot_break_out_of_its_place():
    net, x, t = two_two_one()
    why = with_proof(net.explain("W1[0, 1]", x[0], t[0]))
    told = why.html(names={"x[0]": "<b>'\"&</b><script>alert(1)</script>"})
    assert "b" not in checked(told).tags
    assert "&lt;b&gt;" in told


def test_a_small_derivation_is_open_and_a_large_one_folded_below_its_second_level():
    net, x, t = two_two_one()
    small = with_proof(net.explain("W1[0, 1]", x[0], t[0])).html()
    assert small.count("<details open>") == small.count("<details") > 0
    large = wide().html()
    assert large.count("<details open>") == 1
    assert large.count("<details>") > 5


def test_every_rule_of_the_style_reaches_only_its_own_part():
    style = re.search(r"<style>(.*?)</style>", wide().html(), flags=re.DOTALL).group(1)
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", style.replace("@media(max-width:600px){", ""))
    selectors = [one.strip() for rule in rules for one in rule.split(",")]
    assert len(selectors) > 20
    assert all(one.startswith(".chainrule") for one in selectors)


def test_text_and_background_are_the_hosts():
    style = wide().html()
    assert "color:inherit;background:transparent" in style


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", html._COLOURS)
@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_each_layers_colour_can_be_read_on_white_and_on_black(colour, ground):
    light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3.8


def test_shares_are_bars_to_either_side_of_the_middle():
    assert "left:50.0%;width:50.0%" in bar(2.0, 2.0)
    assert 'class="less" style="left:25.0%;width:25.0%"' in bar(-1.0, 2.0)
    assert "width:0.0%" in bar(0.0, 0.0)


def test_a_whole_page_stands_alone():
    told = wide().html(whole_page=True)
    assert told.startswith("<!DOCTYPE html>")
    assert "<title>dE/dW1[0, 0]</title>" in told
    assert "color-scheme:light dark" in told
    checked(told.removeprefix("<!DOCTYPE html>"))


def test_zero_paths_kinks_missing_weights_and_proofs_are_told():
    assert "all 2 paths are 0, as " in dead().html()
    assert "the mask is 0 here" in masked().html()
    net, x, t = two_two_one()
    why = net.explain("b2[0]", [*x] * 6, [*t] * 6)
    wrong = with_proof(why, verdict="wrong", symbolic=why.value + 1).html()
    assert wrong.count("✗") == 2
    assert "they disagree" in wrong
    assert "6 others" in wrong
    assert "either side is as good" in with_proof(why, verdict="kink", symbolic=why.value).html()


def test_a_notebook_shows_the_page_part():
    why = dead()
    assert why._repr_html_() == why.html()

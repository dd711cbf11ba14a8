"""``chainrule diagnose`` and ``fit --diagnose``."""

from pathlib import Path

SMALL = ("--hidden", "4", "--epochs", "20", "--without", "year")


def test_a_run_that_learns_is_called_healthy(shell, penguins):
    ran = shell("diagnose", penguins, "--target", "species", *SMALL, "--learning-rate", "0.03")
    assert ran.code == 0, ran.err
    assert "healthy: nothing found" in ran.out
    assert "learning rate" in ran.out
    assert not list(Path().glob("*.safetensors"))


def test_a_table_of_noise_is_not_explained(shell):
    lines = [f"{n * 37 % 101},{n * 53 % 97}" for n in range(1, 21)]
    Path("noise.csv").write_text("\n".join(["x,t", *lines]))
    ran = shell("diagnose", "noise.csv", "--target", "t", "--hidden", "2", "--epochs", "10", "--learning-rate", "0.01")
    assert ran.code == 0, ran.err
    assert "not explained: " in ran.out
    assert "healthy" not in ran.out


def test_a_rate_far_too_large_is_named_and_drawn(shell, penguins):
    asked = (*SMALL, "--optimizer", "sgd", "--learning-rate", "1000", "--plot", "why.png")
    ran = shell("diagnose", penguins, "--target", "species", *asked)
    assert ran.code == 0, ran.err
    assert "cause: learning-rate-too-large" in ran.out
    assert "remedy: the schedule's rates times" in ran.out
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")


def test_fit_diagnoses_if_asked(shell, penguins):
    ran = shell("fit", penguins, "--target", "species", *SMALL, "--diagnose")
    assert ran.code == 0, ran.err
    assert "saved penguins.safetensors" in ran.out
    assert "of the best constant answer's" in ran.out


def test_what_cannot_be_diagnosed_is_one_line(shell, penguins):
    assert "no column 'colour'" in shell("diagnose", penguins, "--target", "colour").error.lower()
    assert "there is no folder" in shell("diagnose", penguins, "--target", "species", "--plot", "no/where.png").error

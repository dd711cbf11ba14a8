/* Dense layers trained by backpropagation in plain loops, float32.

   The loops below are inlined into the lines that c_program.py writes under them, one call a layer with the sizes as
   numbers, so that the compiler knows each loop's length. N rows, I units below, J units here. */
#include <math.h>

#define LAYER static inline __attribute__((always_inline)) void
typedef const float *restrict in;
typedef float *restrict out;

LAYER net_inputs(in a, in W, in b, out z, int N, int I, int J)
{
    for (int n = 0; n < N; n++) {
        for (int j = 0; j < J; j++) z[n * J + j] = b[j];
        for (int i = 0; i < I; i++)
            for (int j = 0; j < J; j++) z[n * J + j] += a[n * I + i] * W[i * J + j];
    }
}

LAYER relu(float *z, int size) { for (int k = 0; k < size; k++) z[k] = z[k] > 0 ? z[k] : 0; }
LAYER tanh_(float *z, int size) { for (int k = 0; k < size; k++) z[k] = tanhf(z[k]); }
LAYER identity(float *z, int size) { (void)z, (void)size; }

LAYER softmax(float *z, int N, int J)
{
    for (int n = 0; n < N; n++, z += J) {
        float top = z[0], sum = 0;
        for (int j = 1; j < J; j++) top = z[j] > top ? z[j] : top;
        for (int j = 0; j < J; j++) sum += z[j] = expf(z[j] - top);
        for (int j = 0; j < J; j++) z[j] /= sum;
    }
}

/* Both losses of these works, each with its output, have the delta (y - t)/N. */
LAYER last_delta(in y, in t, out delta, int N, int J)
{
    for (int k = 0; k < N * J; k++) delta[k] = (y[k] - t[k]) / N;
}

LAYER gradients(in a, in delta, out dW, out db, int N, int I, int J)
{
    for (int k = 0; k < I * J; k++) dW[k] = 0;
    for (int j = 0; j < J; j++) db[j] = 0;
    for (int n = 0; n < N; n++) {
        for (int i = 0; i < I; i++)
            for (int j = 0; j < J; j++) dW[i * J + j] += a[n * I + i] * delta[n * J + j];
        for (int j = 0; j < J; j++) db[j] += delta[n * J + j];
    }
}

LAYER delta_below(in delta, in W, out below, int N, int I, int J)
{
    for (int n = 0; n < N; n++)
        for (int i = 0; i < I; i++) {
            float sum = 0;
            for (int j = 0; j < J; j++) sum += delta[n * J + j] * W[i * J + j];
            below[n * I + i] = sum;
        }
}

LAYER times_relu_slope(in a, out delta, int size) { for (int k = 0; k < size; k++) delta[k] = a[k] > 0 ? delta[k] : 0; }
LAYER times_tanh_slope(in a, out delta, int size) { for (int k = 0; k < size; k++) delta[k] *= 1 - a[k] * a[k]; }

LAYER sgd(out p, in g, out m, out v, long count, float eta, int size)
{
    (void)m, (void)v, (void)count;
    for (int k = 0; k < size; k++) p[k] -= eta * g[k];
}

LAYER adam(out p, in g, out m, out v, long count, float eta, int size)
{
    float first = 1 - pow(0.9, count), second = 1 - pow(0.999, count);
    for (int k = 0; k < size; k++) {
        m[k] = 0.9f * m[k] + 0.1f * g[k];
        v[k] = 0.999f * v[k] + 0.001f * g[k] * g[k];
        p[k] -= eta * (m[k] / first) / (sqrtf(v[k] / second) + 1e-8f);
    }
}

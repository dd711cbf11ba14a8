/* The 2-2-1 sigmoid network of the learners' notebook, trained row by row, written out number by number.

   Squared error (t - y)^2, plain gradient descent. p is W1[0,0] W1[0,1] W1[1,0] W1[1,1] b1[0] b1[1] W2[0] W2[1] b2. */
#include <math.h>

static inline double sigmoid(double z) { return 1.0 / (1.0 + exp(-z)); }

void train(const double *restrict x, const double *restrict t, double *restrict p, long rows, long epochs, double eta)
{
    double u00 = p[0], u01 = p[1], u10 = p[2], u11 = p[3], b0 = p[4], b1 = p[5], v0 = p[6], v1 = p[7], c = p[8];
    for (long epoch = 0; epoch < epochs; epoch++)
        for (long n = 0; n < rows; n++) {
            double x0 = x[2 * n], x1 = x[2 * n + 1];
            double h0 = sigmoid(x0 * u00 + x1 * u10 + b0), h1 = sigmoid(x0 * u01 + x1 * u11 + b1);
            double y = sigmoid(h0 * v0 + h1 * v1 + c);
            double delta2 = eta * 2.0 * (y - t[n]) * y * (1.0 - y);
            double delta0 = delta2 * v0 * h0 * (1.0 - h0), delta1 = delta2 * v1 * h1 * (1.0 - h1);
            v0 -= delta2 * h0;
            v1 -= delta2 * h1;
            c -= delta2;
            u00 -= delta0 * x0;
            u01 -= delta1 * x0;
            u10 -= delta0 * x1;
            u11 -= delta1 * x1;
            b0 -= delta0;
            b1 -= delta1;
        }
    p[0] = u00, p[1] = u01, p[2] = u10, p[3] = u11, p[4] = b0, p[5] = b1, p[6] = v0, p[7] = v1, p[8] = c;
}

/* As many multiply-adds as asked for, on numbers that stay in registers: nothing that multiplies matrices is quicker. */
typedef float narrow __attribute__((vector_size(32)));
typedef float wide __attribute__((vector_size(64)));

#define REGISTERS 12 /* enough chains that none waits for its own last result */
#define LOOP(name, vector)                                                                                             \
    float name(long multiply_adds)                                                                                     \
    {                                                                                                                  \
        const long lanes = sizeof(vector) / sizeof(float);                                                             \
        vector sums[REGISTERS], all = {0};                                                                             \
        for (int k = 0; k < REGISTERS; k++) sums[k] = all + (float)k;                                                  \
        for (long done = 0; done < multiply_adds; done += REGISTERS * lanes)                                           \
            _Pragma("GCC unroll 12") for (int k = 0; k < REGISTERS; k++) sums[k] = sums[k] * 0.999f + 0.001f;          \
        for (int k = 0; k < REGISTERS; k++) all += sums[k];                                                            \
        return all[0];                                                                                                 \
    }

LOOP(narrow_loop, narrow)
LOOP(wide_loop, wide)

/* A plain C application that knows nothing of secure boot: greets, computes in floating point, stops. */
#include "console.h"

#if PADDING > 0
/* Dead weight, for tests of large images. */
__attribute__((section(".padding"), used)) static const uint8_t padding[PADDING] = {0xA5};
#endif

/* In .data and .bss on purpose: start-up code that does not run shows in the output. */
static volatile uint32_t terms = 1000;
static volatile uint32_t zero;

int main(void)
{
    double sum = 0.0, previous = 0.0, sign = 4.0;
    for (uint32_t k = 0; k < terms + zero; k++) {
        previous = sum;
        sum += sign / (2.0 * k + 1.0);
        sign = -sign;
    }
    console_text("hello from h7rs-hello-c " VERSION "\npi x 1000000 = ");
    console_hex((uint32_t)((sum + previous) / 2.0 * 1000000.0 + 0.5));
    console_text("\ndone\n");
    return 0;
}

/* A plain C application that knows nothing of the secure boot: greets, computes in floating point, stops. */
#include "usart.h"

#include <stdint.h>

#if PADDING > 0
/* Dead weight, for tests of images that are too large. */
__attribute__((section(".padding"), used)) static const uint8_t padding[PADDING] = {0xA5};
#endif

/* In .data and .bss on purpose: start-up code that does not run shows in the output. */
static volatile uint32_t terms = 1000;
static volatile uint32_t zero;

/* Leibniz's series with the mean of the last two partial sums: 3.14159 after a thousand terms. */
static double pi(uint32_t count)
{
    double sum = 0.0, previous = 0.0, sign = 4.0;
    for (uint32_t k = 0; k < count; k++) {
        previous = sum;
        sum += sign / (2.0 * k + 1.0);
        sign = -sign;
    }
    return (sum + previous) / 2.0;
}

/* Single precision too, with the FPU's own square root. */
static float hypotenuse(float a, float b)
{
    float square = a * a + b * b, root;
    __asm("vsqrt.f32 %0, %1" : "=t"(root) : "t"(square));
    return root;
}

static void number(uint32_t value, uint32_t digits)
{
    char text[11];
    uint32_t at = sizeof text - 1;
    text[at] = 0;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (at > 0 && (value || sizeof text - 1 - at < digits));
    usart_text(&text[at]);
}

/* value with five digits after the point; value is not negative and below 2^31 / 100000 */
static void fixed(double value)
{
    uint32_t scaled = (uint32_t)(value * 100000.0 + 0.5);
    number(scaled / 100000, 1);
    usart_text(".");
    number(scaled % 100000, 5);
}

int main(void)
{
    usart_open();
    usart_text("hello from hello-c\n");
    usart_text("pi ");
    fixed(pi(terms + zero));
    usart_text(" hypotenuse ");
    fixed((double)hypotenuse(3.0f, 4.0f));
    usart_text("\ndone\n");
    usart_flush();
    return 0;
}

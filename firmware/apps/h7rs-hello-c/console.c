#include "console.h"

#define REG(address) (*(volatile uint32_t *)(address))

/* RCC 0x58024400, GPIOD 0x58020C00, UART4 0x40004C00 */
#define RCC_CCIPR2   REG(0x58024450u)
#define RCC_AHB4ENR  REG(0x58024540u)
#define RCC_APB1ENR1 REG(0x58024548u)
#define GPIOD_MODER  REG(0x58020C00u)
#define GPIOD_AFRL   REG(0x58020C20u)
#define UART_CR1     REG(0x40004C00u)
#define UART_BRR     REG(0x40004C0Cu)
#define UART_ISR     REG(0x40004C1Cu)
#define UART_TDR     REG(0x40004C28u)

enum {
    GPIODEN = 1u << 3,
    UART4EN = 1u << 19,
    FROM_HSI = 3u,
    UE = 1u << 0,
    TE = 1u << 3,
    TC = 1u << 6,
    TXE = 1u << 7,
};

/* Fed by the internal oscillator: the same whatever the core runs at. */
#define CLOCK_HZ 64000000u
#define BAUD     115200u

void console_open(void)
{
    RCC_AHB4ENR |= GPIODEN;
    RCC_CCIPR2 = (RCC_CCIPR2 & ~7u) | FROM_HSI;
    RCC_APB1ENR1 |= UART4EN;
    (void)RCC_APB1ENR1; /* the clock needs two cycles after the enable bit */
    GPIOD_AFRL = (GPIOD_AFRL & ~0xF0u) | 0x80u;
    GPIOD_MODER = (GPIOD_MODER & ~0xCu) | 0x8u;
    UART_CR1 = 0;
    UART_BRR = (CLOCK_HZ + BAUD / 2) / BAUD;
    UART_CR1 = UE | TE;
}

static void put(char c)
{
    while (!(UART_ISR & TXE)) {
    }
    UART_TDR = (uint8_t)c;
}

void console_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            put('\r');
        }
        put(*text);
    }
}

void console_hex(uint32_t value)
{
    console_text("0x");
    for (int shift = 28; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[(value >> shift) & 15]);
    }
}

void console_flush(void)
{
    while (!(UART_ISR & TC)) {
    }
}

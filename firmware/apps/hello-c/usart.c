#include "usart.h"

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

/* RM0468: RCC 0x58024400, GPIOD 0x58020C00, USART3 0x40004800 */
#define RCC_AHB4ENR  REG(0x580244E0u)
#define RCC_APB1LENR REG(0x580244E8u)
#define GPIOD_MODER  REG(0x58020C00u)
#define GPIOD_AFRH   REG(0x58020C24u)
#define USART_CR1    REG(0x40004800u)
#define USART_BRR    REG(0x4000480Cu)
#define USART_ISR    REG(0x4000481Cu)
#define USART_TDR    REG(0x40004828u)

enum {
    GPIODEN = 1u << 3,
    USART3EN = 1u << 18,
    UE = 1u << 0,
    TE = 1u << 3,
    TC = 1u << 6,
    TXE = 1u << 7,
};

/* The secure boot hands the clocks over as after a reset: 64 MHz internal oscillator on all buses. */
#define CLOCK_HZ 64000000u
#define BAUD     115200u

void usart_open(void)
{
    RCC_AHB4ENR |= GPIODEN;
    RCC_APB1LENR |= USART3EN;
    (void)RCC_APB1LENR; /* the clock needs two cycles after the enable bit */
    GPIOD_AFRH = (GPIOD_AFRH & ~0xFu) | 7u;
    GPIOD_MODER = (GPIOD_MODER & ~(3u << 16)) | (2u << 16);
    USART_BRR = (CLOCK_HZ + BAUD / 2) / BAUD;
    USART_CR1 = UE | TE;
}

static void put(char c)
{
    while (!(USART_ISR & TXE)) {
    }
    USART_TDR = (uint8_t)c;
}

void usart_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            put('\r');
        }
        put(*text);
    }
}

void usart_flush(void)
{
    while (!(USART_ISR & TC)) {
    }
}

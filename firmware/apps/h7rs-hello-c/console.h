/* UART4 transmit on PD1 at 115200 8N1, polled: the ST-LINK's virtual COM port on the STM32H7S78-DK. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>

void console_open(void);
void console_text(const char *text);
void console_hex(uint32_t value);
void console_flush(void);

#endif

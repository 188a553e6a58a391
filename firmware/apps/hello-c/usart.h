/* USART3 transmit on PD8 at 115200 8N1, polled: the ST-LINK's virtual COM port on the STM32H735G-DK. */
#ifndef USART_H
#define USART_H

void usart_open(void);
void usart_text(const char *text);
void usart_flush(void);

#endif

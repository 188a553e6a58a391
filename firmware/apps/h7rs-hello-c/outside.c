/* What an application may not do: execute outside of its region. It copies a function into its RAM and calls it. */
#include "console.h"

int main(void)
{
    static volatile uint16_t code[2] __attribute__((aligned(4)));
    code[0] = 0x4770; /* bx lr */
    __asm volatile("dsb\n\tisb" ::: "memory");
    console_text("jumping to RAM\n");
    console_flush();
    ((void (*)(void))((uintptr_t)code | 1))();
    console_text("came back\n");
    return 0;
}

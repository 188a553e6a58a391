/* An application that reports RAM ECC errors, by the monitors that the boot stage handed over. */
#include "console.h"
#include "contract.h"

enum { CR = 0, SR = 1, FAR = 2 };
enum { SINGLE = 1u << 0, DOUBLE = 1u << 1, BYTE_WRITE = 1u << 2, INTERRUPTS = 7u << 2 };

#define NVIC_ISER0   (*(volatile uint32_t *)0xE000E100u)
#define RAMECC1_IER  (*(volatile uint32_t *)0x52009000u)
#define RAMECC2_IER  (*(volatile uint32_t *)0x58027000u)
enum { RAMECC_LINE = 9, ALL = 15 };

static volatile uint32_t reported;
/* What is read again and again; it lies in DTCM, which has a monitor. */
#define PROBE ((volatile uint32_t *)0x20004000u)

void ramecc_handler(void)
{
    for (int monitor = 0; monitor < RAMECC_MONITORS; monitor++) {
        volatile uint32_t *registers = RAMECC_HANDLES[monitor].instance;
        uint32_t status = registers[SR];
        if (!status) {
            continue;
        }
        console_text(status & (DOUBLE | BYTE_WRITE) ? "double" : "single");
        console_text(" RAM ECC error, address ");
        console_hex(registers[FAR]);
        console_text("\n");
        registers[SR] = 0;
        if (status & (DOUBLE | BYTE_WRITE)) {
            console_text("memory lost: resetting\n");
            console_flush();
            system_reset();
        }
        reported++;
    }
}

/* Two wrong bits are a bus fault as well, which comes first. */
void fault_hook(void)
{
    ramecc_handler();
}

int main(void)
{
    console_text("h7rs-ecc-c " VERSION "\n");
    for (int monitor = 0; monitor < RAMECC_MONITORS; monitor++) {
        if (RAMECC_HANDLES[monitor].state != 1) {
            console_text("no handle\n");
            return 0;
        }
        RAMECC_HANDLES[monitor].instance[CR] |= INTERRUPTS;
    }
    for (uint32_t word = 0; word < 64; word++) {
        PROBE[word] = word;
    }
    RAMECC1_IER = ALL;
    RAMECC2_IER = ALL;
    NVIC_ISER0 = 1u << RAMECC_LINE;
    console_text("watching\n");
    console_flush();
    for (uint32_t round = 0; round < 4000000u && !reported; round++) {
        (void)PROBE[round % 64];
    }
    console_text("done\n");
    return 0;
}

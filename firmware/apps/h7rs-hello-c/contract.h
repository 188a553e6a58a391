/* What a boot stage of the STM32H7R/7S leaves to the application, and what it takes from it: crates/layout, contract.rs. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdint.h>

/* Boot record: magic, then what became of an update. */
#define RECORD        ((const volatile uint8_t *)0x30007E00u)
#define RECORD_ACTION RECORD[97]
#define RECORD_FLAGS  RECORD[98]
enum { ACTION_TESTING = 2, FLAG_CONFIRMED = 2 };

/* Confirmation flag. */
#define CONFIRMATION ((volatile uint32_t *)0x30007FA0u)

/* RAM ECC monitors, set up by the boot stage: RAMECC_HandleTypeDef of ST's HAL. Never initialise this memory. */
struct ramecc_handle {
    volatile uint32_t *instance;
    uint32_t state;
    uint32_t error;
};
#define RAMECC_HANDLES ((volatile struct ramecc_handle *)0x30007FC0u)
enum { RAMECC_MONITORS = 5 };

#define AIRCR (*(volatile uint32_t *)0xE000ED0Cu)

/* Whether this boot is the first of an update that is to be confirmed. */
static inline int on_trial(void)
{
    return RECORD[0] == 'I' && RECORD[1] == 'R' && RECORD_ACTION == ACTION_TESTING && !(RECORD_FLAGS & FLAG_CONFIRMED);
}

static inline void system_reset(void)
{
    __asm volatile("dsb" ::: "memory");
    AIRCR = 0x05FA0004u;
    for (;;) {
    }
}

#endif

/* What a boot stage of the STM32H7R/7S leaves to the application, and what it takes from it: crates/layout, contract.rs. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdint.h>

/* The addresses are the same for all products. Where `ironroot app adapt` has written them, its file is used. */
#if __has_include("ironroot_contract.h")
#include "ironroot_contract.h"
#else
#define IRONROOT_HAND_OFF          0x30007E00u
#define IRONROOT_CONFIRMATION_FLAG 0x30007FA0u
#define IRONROOT_RAM_ECC_HANDLE    0x30007FC0u
#define IRONROOT_CONFIRM_0         0x001FBBB7u
#define IRONROOT_CONFIRM_1         0x00236445u
#define IRONROOT_CONFIRM_2         0x0023A889u
#define IRONROOT_CONFIRM_3         0x0023D111u
#endif

/* Boot record: magic, then what became of an update. */
#define RECORD        ((const volatile uint8_t *)IRONROOT_HAND_OFF)
#define RECORD_ACTION RECORD[97]
#define RECORD_FLAGS  RECORD[98]
enum { ACTION_TESTING = 2, FLAG_CONFIRMED = 2 };

/* Confirmation flag, and what confirms. */
#define CONFIRMATION ((volatile uint32_t *)IRONROOT_CONFIRMATION_FLAG)
#define CONFIRM      {IRONROOT_CONFIRM_0, IRONROOT_CONFIRM_1, IRONROOT_CONFIRM_2, IRONROOT_CONFIRM_3}

/* RAM ECC monitors, set up by the boot stage: RAMECC_HandleTypeDef of ST's HAL. Never initialise this memory. */
struct ramecc_handle {
    volatile uint32_t *instance;
    uint32_t state;
    uint32_t error;
};
#define RAMECC_HANDLES ((volatile struct ramecc_handle *)IRONROOT_RAM_ECC_HANDLE)
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

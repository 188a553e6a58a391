@ An application that does one thing to one address, and leaves what came of it in AHB SRAM2, which is open to every application.
@
@ The word behind the first two vectors, which the test fills in, is the address; its lowest bits say what is done there: 0 a read,
@ 1 a write, 2 a call. Left behind: a mark, which is 1 before and 2 after it, what was read, CFSR and MMFAR of a fault, the level.
    .syntax unified
    .cpu cortex-m7
    .thumb

    .equ HDPLSR, 0x58000414
    .equ RESULT, 0x30005000
    .equ CFSR,   0xE000ED28
    .equ MMFAR,  0xE000ED34

    .section .vectors, "ax"
table:
    .word 0x30007000
    .word reset
    .word 0
    .rept 13
    .word fault
    .endr

    .text
    .global reset
    .thumb_func
reset:
    ldr r6, =RESULT
    movs r0, #0
    strd r0, r0, [r6, #4]
    str r0, [r6, #12]
    movs r0, #1
    str r0, [r6]
    ldr r5, =HDPLSR
    ldr r0, [r5]
    str r0, [r6, #16]
    ldr r7, =table
    ldr r7, [r7, #8]
    and r5, r7, #3
    bic r7, r7, #3
    dsb
    cmp r5, #1
    beq 1f
    bhi 2f
    ldr r0, [r7]
    str r0, [r6, #4]
    b 3f
1:  ldr r0, =0x600DF00D
    str r0, [r7]
    b 3f
2:  orr r7, r7, #1
    blx r7
    ldr r6, =RESULT
3:  dsb
    movs r0, #2
    str r0, [r6]
4:  wfi
    b 4b

    .thumb_func
fault:
    ldr r6, =RESULT
    ldr r0, =CFSR
    ldr r0, [r0]
    str r0, [r6, #8]
    ldr r0, =MMFAR
    ldr r0, [r0]
    str r0, [r6, #12]
    b 4b
    .ltorg

/* What an application cannot get: the keys of the boot stage, and its code. */
#include "console.h"

#define REG(address) (*(volatile uint32_t *)(address))
#define FLASH(offset) REG(0x52002000u + (offset))

int main(void)
{
    /* OBKey 9: read at the level now, which has none. */
    FLASH(0x100) = 0x08192A3Bu;
    FLASH(0x100) = 0x4C5D6E7Fu;
    FLASH(0x10C) = 0x58000000u;
    FLASH(0x110) = 9u | 3u << 10;
    FLASH(0x110) |= 1u << 15;
    while (FLASH(0x014) & 7u) {
    }
    uint32_t key = 0;
    for (uint32_t word = 0; word < 8; word++) {
        key |= FLASH(0x118 + 4 * word);
    }
    console_text("key ");
    console_hex(key);
    console_text(" flags ");
    console_hex(FLASH(0x108));
    console_text("\n");

    FLASH(0x028) = 1u << 24;
    uint32_t code = REG(0x08000000u);
    console_text("stage reads ");
    console_hex(code);
    console_text(FLASH(0x024) & 1u << 24 ? " RDSERR\n" : " no error\n");
    console_text("done\n");
    return 0;
}

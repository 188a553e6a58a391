/* An application that confirms its own update: the flag, and a reset. The boot stage does the writing, because the external
   flash cannot be written while code runs from it. */
#include "console.h"
#include "contract.h"

int main(void)
{
    static const uint32_t confirm[4] = CONFIRM;
    console_text("h7rs-confirm-c " VERSION "\n");
    if (on_trial()) {
        console_text("on trial: confirmed, resetting\n");
        console_flush();
        for (int word = 0; word < 4; word++) {
            CONFIRMATION[word] = confirm[word];
        }
        system_reset();
    }
    console_text("done\n");
    return 0;
}

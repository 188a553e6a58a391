/* An application whose self test fails: it does not confirm its update, and the boot stage brings the old image back. */
#include "console.h"
#include "contract.h"

int main(void)
{
    console_text("h7rs-never-c " VERSION "\n");
    if (on_trial()) {
        console_text("on trial: self test failed, resetting\n");
        console_flush();
        system_reset();
    }
    console_text("done\n");
    return 0;
}

//! The layouts of ST's own projects (STM32CubeH7RS v1.3.0), with what matters of their linker scripts: symbols, MEMORY, and where
//! sections go. Checked, adapted, built and checked again.

use serde_json::Value;

use super::{Bench, gcc, strings};

/// What the three scripts have in common. `{CODE}`: the memory for code; `{DATA}` and `{STACK}`: those for data and stack.
const SECTIONS: &str = "
_estack = ORIGIN({STACK}) + LENGTH({STACK}); /* end of the stack's memory */
_Min_Heap_Size = 0x200;
_Min_Stack_Size = 0x400;
SECTIONS
{
  .isr_vector : { . = ALIGN(4); KEEP(*(.isr_vector)) . = ALIGN(4); } >{CODE}
  .text : { *(.text) *(.text*) } >{CODE}
  .rodata : { *(.rodata) *(.rodata*) } >{CODE}
  _sidata = LOADADDR(.data);
  .flag (NOLOAD): { . = ALIGN(4); KEEP(*(.flag)) . = ALIGN(4); } >{FLAG}
  .ramecchandlenoinit (NOLOAD): { . = ALIGN(4); *(.ramecchandlenoinit) . = ALIGN(4); } >{HANDLE}
  .data : { . = ALIGN(4); _sdata = .; *(.data) *(.data*) . = ALIGN(4); _edata = .; } >{DATA} AT> {CODE}
  .bss : { _sbss = .; __bss_start__ = _sbss; *(.bss) *(.bss*) *(COMMON) . = ALIGN(4); _ebss = .; __bss_end__ = _ebss; } >{DATA}
  ._user_heap_stack :
  {
    . = ALIGN(8);
    PROVIDE ( end = . );
    PROVIDE ( _end = . );
    . = . + _Min_Heap_Size;
    . = . + _Min_Stack_Size;
    . = ALIGN(8);
  } >{STACK}
}
";

/// ROT/OEMiROT_Appli.
const OEMIROT: &str = "\
ENTRY(Reset_Handler)
CODE_OFFSET = 0x0;               /* written by a script after the stage is built */
CODE_SIZE = 0x200000;            /* the same */
PARTITION_START = 0x70000000;    /* the same */
IMAGE_HEADER_SIZE = 0x400;
CONF_FLAG_START = 0x30007FA0;
CONF_FLAG_SIZE = 0x20;
RAMECC_HANDLE_START = 0x30007FC0;
RAMECC_HANDLE_SIZE = 0x40;
MEMORY
{
  RAM           (xrw)    : ORIGIN = 0x30004000,   LENGTH = 16K - CONF_FLAG_SIZE - RAMECC_HANDLE_SIZE
  FLASH          (rx)    : ORIGIN = PARTITION_START + CODE_OFFSET + IMAGE_HEADER_SIZE,   LENGTH = CODE_SIZE - IMAGE_HEADER_SIZE
  CONF_FLAG      (rw)    : ORIGIN = CONF_FLAG_START,   LENGTH = CONF_FLAG_SIZE
  RAMECC_HANDLE (rw)     : ORIGIN = RAMECC_HANDLE_START,   LENGTH = RAMECC_HANDLE_SIZE
}
";

/// Templates/Template_XIP of the NUCLEO-H7S3L8.
const XIP: &str = "\
ENTRY(Reset_Handler)
__FLASH_BEGIN  = 0x70000000;
__FLASH_SIZE   = 0x08000000;
__RAM_BEGIN    = 0x24000000;
__RAM_SIZE     = 0x71C00;
__RAM_NONCACHEABLEBUFFER_SIZE = 0x400;
MEMORY
{
  RAM       (xrw) : ORIGIN = __RAM_BEGIN,    LENGTH = __RAM_SIZE
  RAM_NONCACHEABLEBUFFER (xrw) : ORIGIN = __RAM_BEGIN + __RAM_SIZE,  LENGTH = __RAM_NONCACHEABLEBUFFER_SIZE

  ITCM      (xrw) : ORIGIN = 0x00000000,    LENGTH = 0x00010000
  DTCM       (rw) : ORIGIN = 0x20000000,    LENGTH = 0x00010000
  SRAMAHB   (rw)  : ORIGIN = 0x30000000,  LENGTH = 0x00008000
  BKPSRAM   (rw)  : ORIGIN = 0x38800000,  LENGTH = 0x00001000

  FLASH     (xrw) : ORIGIN = __FLASH_BEGIN, LENGTH = __FLASH_SIZE
}
";

/// ROT/STiROT_Appli.
const STIROT: &str = "\
ENTRY(Reset_Handler)
CODE_OFFSET = 0x24000000;        /* from STiROT_Config.xml */
CODE_SIZE = 0x00020000;          /* from STiROT_Config.xml */
IMAGE_HEADER_SIZE = 0x400;
MEMORY
{
  RAM    (xrw)    : ORIGIN = 0x20000000,   LENGTH = 64K
  ROM    (rx)    : ORIGIN = CODE_OFFSET + IMAGE_HEADER_SIZE,   LENGTH = CODE_SIZE - IMAGE_HEADER_SIZE
}
";

const PLACED: &str = "-DPLACED=\".flag\" -DWORDS=4 -DHANDLE=\".ramecchandlenoinit\"";

fn sections(code: &str, data: &str, stack: &str, flag: &str, handle: &str) -> String {
    [("{CODE}", code), ("{DATA}", data), ("{STACK}", stack), ("{FLAG}", flag), ("{HANDLE}", handle)]
        .iter()
        .fold(SECTIONS.to_owned(), |text, (name, memory)| text.replace(name, memory))
}

/// Adapts `app.ld`, builds with it, and gives what `app adapt` said of the script.
#[track_caller]
fn adapted(bench: &Bench, defines: &str) -> Value {
    let run = bench.dir.ironroot("app adapt -o generated --linker-script app.ld --apply --json").ok();
    gcc(&bench.dir.path(""), "app.ld", &format!("-Lgenerated {defines}"));
    let again = bench.dir.ironroot("app adapt -o generated --linker-script app.ld --json").ok();
    let again = again.last("result")["linker_script"].clone();
    assert_eq!(again["diff"], "", "nothing is left to change");
    assert!(!strings(&again["notes"]).join("\n").contains("do not follow"), "{again}");
    run.last("result")["linker_script"].clone()
}

#[test]
fn the_layout_of_oemirot_appli_is_accepted() {
    for open in ["sram", "ahb-sram2"] {
        let bench = Bench::new(open);
        let script = OEMIROT.to_owned() + &sections("FLASH", "RAM", "RAM", "CONF_FLAG", "RAMECC_HANDLE");
        bench.link(&script, PLACED);
        // Only the stack grows into the boot record, which ST's stage does not have.
        let run = bench.dir.ironroot("app check app.elf --json");
        let result = run.last("result");
        for finding in result["findings"].as_array().expect("a list") {
            assert!(
                finding["reason"].as_str().is_some_and(|reason| reason.starts_with("the stack")),
                "{finding}"
            );
        }
        let found = adapted(&bench, PLACED);
        let notes = strings(&found["notes"]).join("\n");
        for note in [
            "CODE_SIZE: the include replaces the value of line 3",
            "CONF_FLAG: left as it is: the confirmation flag",
            "RAMECC_HANDLE: left as it is: the RAM-ECC handle",
        ] {
            assert!(notes.contains(note), "{note} is not in\n{notes}");
        }
        assert!(bench.codes().is_empty(), "{open}");
        let notes = bench.notes().join("\n");
        assert!(
            notes.contains(
                ".flag is the confirmation flag with placed: it has no bytes and lies outside of _sbss.._ebss"
            ),
            "{notes}"
        );
        assert!(notes.contains(".ramecchandlenoinit is the RAM-ECC handle with handle"), "{notes}");
        bench.dir.ironroot("app image app.elf -o app.hex").ok();
    }
}

#[test]
fn the_layout_of_template_xip_is_adapted() {
    let script = XIP.to_owned() + &sections("FLASH", "RAM", "DTCM", "RAM", "RAM");
    let bench = Bench::new("sram");
    bench.link(&script, "");
    assert_eq!(bench.codes(), ["IR-1207"]);
    let found = adapted(&bench, "");
    let diff = found["diff"].as_str().expect("a diff");
    assert!(
        diff.contains("-  SRAMAHB") && diff.contains("LENGTH = 0x7e00") && !diff.contains("-  RAM "),
        "{diff}"
    );
    assert!(bench.codes().is_empty());

    // Less is open: RAM moves, and what cannot be moved by a value is told with its lines.
    let bench = Bench::new("ahb-sram2");
    bench.link(&script, "");
    assert!(bench.codes().len() > 1);
    let found = adapted(&bench, "");
    let diff = found["diff"].as_str().expect("a diff");
    assert!(
        diff.contains("+  RAM       (xrw) : ORIGIN = IRONROOT_RAM_START,    LENGTH = IRONROOT_RAM_SIZE"),
        "{diff}"
    );
    let notes = strings(&found["notes"]).join("\n");
    let closed = notes.lines().find(|note| note.starts_with("DTCM:")).expect("a note").to_owned();
    assert!(
        closed.contains("is closed when the application starts") && closed.contains("(used in lines "),
        "{closed}"
    );
    assert!(bench.codes().iter().all(|code| ["IR-1215", "IR-1218"].contains(&code.as_str())));
    // The lines that were named are all there is left to change.
    let text = String::from_utf8(bench.dir.read("app.ld")).expect("text");
    let text = text.replace(">DTCM", ">RAM").replace("(DTCM)", "(RAM)");
    bench.link(&text, "-Lgenerated");
    assert!(bench.codes().is_empty());
}

#[test]
fn the_layout_of_stirot_appli_is_adapted() {
    let bench = Bench::of("stirot.toml");
    bench.link(&(STIROT.to_owned() + &sections("ROM", "RAM", "RAM", "RAM", "RAM")), "");
    assert!(bench.codes().contains(&"IR-1215".to_owned()), "DTCM is closed");
    let found = adapted(&bench, "");
    let diff = found["diff"].as_str().expect("a diff");
    assert!(
        diff.contains("+  RAM    (xrw)    : ORIGIN = IRONROOT_RAM_START,   LENGTH = IRONROOT_RAM_SIZE"),
        "{diff}"
    );
    assert!(diff.contains("+  ROM    (rx)    : ORIGIN = PARTITION_START + CODE_OFFSET"), "{diff}");
    assert!(bench.codes().is_empty());
}

#[test]
fn a_memory_called_ram_is_replaced_where_its_values_are_not_known() {
    let bench = Bench::new("sram");
    let script =
        XIP.replace("__RAM_BEGIN    = 0x24000000;", "").replace("ORIGIN = __RAM_BEGIN,", "ORIGIN = _ram,")
            + "INCLUDE more.ld\n"
            + &sections("FLASH", "RAM", "RAM", "RAM", "RAM");
    bench.dir.write("more.ld", b"_ram = 0x60000000;\n__RAM_BEGIN = 0x24000000;\n");
    bench.link(&script, "");
    assert!(bench.codes().contains(&"IR-1215".to_owned()));
    let found = bench.dir.ironroot("app adapt -o generated --linker-script app.ld --apply --json").ok();
    let found = found.last("result")["linker_script"].clone();
    let notes = strings(&found["notes"]).join("\n");
    assert!(notes.contains("RAM: its values do not follow from this script alone"), "{notes}");
    gcc(&bench.dir.path(""), "app.ld", "-Lgenerated");
    assert!(bench.codes().is_empty());
}

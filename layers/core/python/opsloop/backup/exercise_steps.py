"""What is usually done in each phase of an exercise; a disaster of the catalog may have its own steps instead."""

from opsloop.catalog import DrillStep

PHASES = ("assess", "fail_over", "validate", "communicate")  # the last goes on beside the others
USUAL = (
    DrillStep("assess", "Say who leads, who restores and who tells the others; write down the time.", 5),
    DrillStep("assess", "Find out what is lost: which databases, since when, and whether anything still writes.", 10),
    DrillStep("assess", "Choose the moment to go back to, and the newest proven dump before it.", 5),
    DrillStep("communicate", "Tell the services that depend on the databases, and say when they hear more.", 10),
    DrillStep("fail_over", "Stop what writes, or point it at nothing, so that nothing is written twice.", 10),
    DrillStep("fail_over", "Make an empty server ready, of the same major version and with the same extensions."),
    DrillStep("fail_over", "Restore each database: opsloop backup restore DATABASE --to DSN."),
    DrillStep("fail_over", "Point the services at the restored server."),
    DrillStep("validate", "Compare the restored copy with its manifest, as opsloop backup restore prints it.", 10),
    DrillStep("validate", "Let each service read and write through its usual way, and look at its errors.", 15),
    DrillStep("validate", "Take a dump of the restored server, and let it be proven.", 30),
    DrillStep("communicate", "Tell the same people what is back, up to which moment, and what is lost.", 10),
    DrillStep("communicate", "Write down what took longer than it should, each with who does what about it.", 30),
)

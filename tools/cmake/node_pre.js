// node_pre.js - put before Emscripten's loader in programs for Node (tests, the command).
//
// Emscripten up to 3.1.x takes the global fetch of Node 18 and newer for a browser's and asks it for a file
// path, which fails.  Hidden here, the loader reads the .wasm file itself, as it does in older Nodes.
var fetch;

// getenv() sees the real environment.  (The loader leaves out ENV and FS where a program has no use for them.)
Module["preRun"] = function () {
    if (typeof ENV != "undefined") Object.assign(ENV, process.env);
};

// With NODERAWFS the loader calls the three standard streams terminals whatever they are; isatty() must tell.
Module["onRuntimeInitialized"] = function () {
    if (typeof FS == "undefined") return;
    for (var fd = 0; fd < 3; fd++) FS.streams[fd].tty = require("tty").isatty(fd);
};

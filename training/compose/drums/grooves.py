"""Drum grooves: a line of sixteenths for each lane; "time" is whatever keeps the time in a section."""

from __future__ import annotations

Groove = dict[str, str]

BACKBEAT = "....x.......x..."
EIGHTHS = "x.o.x.o.x.o.x.o."
SIXTEENTHS = "xoooxoooxoooxooo"

GROOVES: dict[str, tuple[Groove, ...]] = {
    "rock": (
        {"kick": "x.......x.......", "snare": BACKBEAT, "time": EIGHTHS},
        {"kick": "x.....x.x.......", "snare": BACKBEAT, "time": EIGHTHS},
        {"kick": "x..x....x.x.....", "snare": BACKBEAT, "time": "x.x.x.x.x.x.x.x."},
        {"kick": "x.x.....x.x...x.", "snare": "....x..g....x...", "time": "x...x...x...x..."},
        {"kick": "x.....xx..x.....", "snare": "....x..g.g..x..g", "time": EIGHTHS},
        {
            "kick": "x.......x.......",
            "snare": BACKBEAT,
            "time": "x.x.x.x.x.x.x.x.",
            "pedal": "....o.......o...",
        },
        {"kick": "x...x...x...x...", "snare": BACKBEAT, "time": EIGHTHS},
        {"kick": "x..x..x...x.....", "snare": "....x.......x..x", "tom low": "x.o.....x.o....."},
    ),
    "metal": (
        {"kick": "xxxxxxxxxxxxxxxx", "snare": BACKBEAT, "time": "x...x...x...x..."},
        {"kick": "x.x.x.x.x.x.x.x.", "snare": "..x...x...x...x.", "time": "x.x.x.x.x.x.x.x."},
        {"kick": "xoo.xoo.xoo.xoo.", "snare": "....x.......x...", "china": "x...x...x...x..."},
        {"kick": "x..x..x...x..x..", "snare": "........x.......", "time": "x...x...x...x..."},
        {"kick": "x.xxx.xxx.xxx.xx", "snare": "....x.......x...", "time": EIGHTHS},
    ),
    "ballad": (
        {"kick": "x.......x.......", "rim": BACKBEAT, "time": "o.g.o.g.o.g.o.g."},
        {"kick": "x......xx.......", "snare": BACKBEAT, "time": "o.g.o.g.o.g.o.g."},
        {"kick": "x.........x.....", "snare": "........x.......", "time": "ogogogogogogogog"},
        {"kick": "x.....x.........", "snare": "........x.......", "time": EIGHTHS},
    ),
    "funk": (
        {"kick": "x..x..x...x..x..", "snare": "....x..g.g..x..g", "time": SIXTEENTHS},
        {
            "kick": "x.x.......xx....",
            "snare": "....x..g.g..x...",
            "time": "x.o.x.o.x.o.x...",
            "open": "..............x.",
        },
        {"kick": "x..x....x.x..x..", "snare": ".g..x..g.g.gx.g.", "time": EIGHTHS},
        {"kick": "x.....x...x.....", "snare": "....x..x.g..x..g", "time": SIXTEENTHS},
        {"kick": "x.x...x..xx.....", "snare": "....x..g.....x..", "time": "xoxoxoxoxoxoxoxo"},
    ),
    "disco": (
        {
            "kick": "x...x...x...x...",
            "snare": BACKBEAT,
            "open": "..x...x...x...x.",
            "time": "x.......x.......",
        },
        {"kick": "x...x...x...x...", "snare": BACKBEAT, "time": SIXTEENTHS},
        {
            "kick": "x...x...x...x...",
            "clap": BACKBEAT,
            "time": "xo.oxo.oxo.oxo.o",
            "open": "..x...x...x...x.",
        },
    ),
    "shuffle": (
        {"kick": "x.......x.......", "snare": BACKBEAT, "time": "x.ox.ox.ox.ox.o."},
        {"kick": "x.......x.....x.", "snare": "....x.g.....x.g.", "time": "x.o.x.o.x.o.x.o."},
        {"kick": "x...x...x...x...", "snare": "..g.x.g...g.x.g.", "time": "x.x.x.x.x.x.x.x."},
        {"kick": "x.....o.x.....o.", "snare": BACKBEAT, "time": "x...x...x...x..."},
    ),
    "swing": (
        {"time": "x...x.o.x...x.o.", "pedal": "....x.......x...", "kick": "g...g...g...g..."},
        {
            "time": "x...x.o.x...x.o.",
            "pedal": "....x.......x...",
            "snare": "......g........g",
            "kick": "x............o..",
        },
        {"time": "x.o.x.o.x.o.x.o.", "pedal": "....x.......x...", "rim": "............x..."},
        {
            "time": "x...x.o.x...x.o.",
            "pedal": "....x.......x...",
            "snare": "..o......o....o.",
            "kick": "......o....x....",
        },
        {"time": "x...x...x...x...", "pedal": "....x.......x...", "snare": "....x.......x..."},
    ),
    "brushes": (
        {"sweep": "o...x.o.o...x.o.", "pedal": "....x.......x...", "kick": "o.......o......."},
        {"sweep": "o.g.x.g.o.g.x.g.", "pedal": "....o.......o..."},
        {"snare": "g.g.o.g.g.g.o.g.", "time": "x...x.o.x...x.o."},
    ),
    "ragtime": (
        {"kick": "x.......x.......", "snare": "....o..g....o.gg"},
        {"kick": "x...x...x...x...", "snare": "..o...o...o...o.", "block": "x..x..x.x..x..x."},
        {"kick": "x.......x.......", "block": "x.o.o.x.o.x.o.x."},
    ),
    "latin": (
        {"kick": "x..xx..xx..xx..x", "rim": "x..x..x...x..x..", "time": "x.o.x.o.x.o.x.o."},
        {
            "kick": "x...x...x...x...",
            "shaker": SIXTEENTHS,
            "surdo": "....x..o....x..o",
            "agogo high": "x.x..x..x.x...x.",
        },
        {
            "claves": "x..x..x...x.x...",
            "conga high": "..o...xx..o...xx",
            "conga low": "............x.x.",
            "cowbell": "x...x...x...x...",
        },
        {
            "claves": "..x.x...x..x..x.",
            "timbale high": "x.xx.x.xx.xx.xx.",
            "conga mute": "x...x...x...x...",
            "bongo high": "x.ox.oxox.ox.oxo",
        },
        {"kick": "x...x...x...x...", "snare": "...x..x....x..x.", "time": "x.o.x.o.x.o.x.o."},
        {
            "bongo high": "xoxoxoxoxoxoxoxo",
            "bongo low": "....x.......x...",
            "guiro": "x...x.x.x...x.x.",
            "kick": "......x.......x.",
        },
        {
            "tambourine": "xooxxooxxooxxoox",
            "surdo": "g...x...g...x...",
            "cuica": "..x..x..x.x...x.",
            "kick": "x..ox..ox..ox..o",
        },
    ),
    "reggae": (
        {"kick": "........x.......", "rim": "........x.......", "time": "x.o.x.o.x.o.x.o."},
        {"kick": "x...x...x...x...", "rim": "........x.......", "time": "x.o.x.o.x.o.x.oo"},
        {"kick": "x.......x.......", "snare": BACKBEAT, "time": "..x...x...x...x."},
        {"kick": "x.....x...x.....", "snare": "........x.....g.", "time": "o.x.o.x.o.x.o.x."},
    ),
    "train": (
        {"kick": "x...x...x...x...", "snare": "ggxgggxgggxgggxg"},
        {"kick": "x.......x.......", "snare": "..x...x...x...x.", "time": "x.o.x.o.x.o.x.o."},
        {"kick": "x...x...x...x...", "rim": "..x...x...x...x.", "tambourine": "..x...x...x...x."},
        {"kick": "x.......x.......", "snare": BACKBEAT, "time": EIGHTHS},
    ),
    "march": (
        {"kick": "x...x...x...x...", "snare": "x.xxx.x.x.xxxxxx"},
        {"kick": "x.......x.......", "snare": "x..ox.o.x..oxooo", "crash": "x..............."},
        {"snare": "xooxooxox.x.xooo", "kick": "x.......x......."},
        {"kick": "x.......x.......", "crash": "....o.......o...", "snare": "..x...x...x.xxx."},
    ),
    "orchestral": (
        {"kick": "x..............."},
        {"kick": "x...............", "crash": "x...............", "triangle": "..x...x...x...x."},
        {"snare": "x..xx..xx..xxxxx", "kick": "x.......x......."},
        {"tom low": "x..x..x.x..x..x.", "tom mid": "..x...........xx", "kick": "x..............."},
        {"tambourine": "x...o.o.x...o.o.", "triangle": "x..............."},
        {"sleigh": "x...x...x...x..."},
    ),
    "techno": (
        {"kick": "X...X...X...X...", "open": "..x...x...x...x.", "clap": BACKBEAT},
        {"kick": "X...X...X...X...", "hat": SIXTEENTHS, "clap": BACKBEAT, "open": "..x...x...x...x."},
        {"kick": "X...X...X...X..x", "hat": "..x...x...x...x.", "rim": "...x..x....x..x."},
        {"kick": "X...X...X...X...", "snare": "....x..x....x...", "shaker": SIXTEENTHS},
        {
            "kick": "X...X...X...X...",
            "ride": "..x...x...x...x.",
            "clap": "....x.......x..x",
            "tom low": "...o..o....o..o.",
        },
    ),
    "electro": (
        {
            "kick": "x.....x...x.....",
            "snare": BACKBEAT,
            "hat": "x.xxx.xxx.xxx.xx",
            "cowbell": "..x..x....x..x..",
        },
        {"kick": "x..x..x.........", "clap": BACKBEAT, "hat": EIGHTHS},
        {"kick": "x.......x.......", "snare": BACKBEAT, "hat": SIXTEENTHS, "tom mid": "..............xx"},
    ),
    "breaks": (
        {"kick": "x.x.......xx....", "snare": "....x..x.x..x..x", "time": EIGHTHS},
        {"kick": "x.........x.....", "snare": "....x.......x...", "hat": SIXTEENTHS},
        {"kick": "x..........x..x.", "snare": "....x..g.g..x...", "ride": EIGHTHS},
        {"kick": "x.x...x...x.....", "snare": "....x..x..x.x..x", "hat": "xoxoxoxoxoxoxoxo"},
    ),
    "hip hop": (
        {"kick": "x......x..x.....", "snare": BACKBEAT, "hat": EIGHTHS},
        {"kick": "x.....x.........", "snare": "........x.......", "hat": "x.xxx.x.xxx.x.xx"},
        {
            "kick": "x..x......x..x..",
            "clap": "........x.......",
            "hat": "xoxoxoxoxxxxxoxo",
            "open": "..............x.",
        },
        {"kick": "x.x....x..x.....", "snare": "....x..g....x.g.", "time": EIGHTHS},
    ),
    "hands": (
        {"conga high": "x..x..o.x..x..o.", "conga low": "..x...x...x.x...", "shaker": SIXTEENTHS},
        {"bongo high": "x.oxx.o.x.oxx.o.", "bongo low": "......x.......x.", "tambourine": BACKBEAT},
        {"tom low": "x..x..x...x.x...", "tom mid": "..x..x..x......x", "shaker": "o.x.o.x.o.x.o.x."},
        {"shaker": "xoxoxoxoxoxoxoxo"},
        {"tambourine": "x.oox.oox.oox.oo"},
        {"clap": BACKBEAT, "kick": "x...x...x...x..."},
        {"surdo": "x.....x.x.......", "agogo high": "x..x..x...x.x...", "agogo low": "..x..x....x....x"},
        {"block": "x..x.x..x..x.x..", "triangle": "x.x.x.x.x.x.x.x."},
    ),
}

# Bars of three quarters, twelve sixteenths.
TRIPLE: tuple[Groove, ...] = (
    {"kick": "x...........", "snare": "....o...o...", "time": "x...x...x..."},
    {"kick": "x...........", "time": "x...x.o.x.o.", "rim": "....o...o..."},
    {"kick": "x.....o.....", "snare": "....x...x..g", "time": "x.o.x.o.x.o."},
    {"kick": "x...........", "pedal": "....x...x...", "sweep": "o...x...x.o."},
    {"snare": "x.xxx.x.xxxx", "kick": "x..........."},
    {"triangle": "x...o...o...", "kick": "x..........."},
)
COMPOUND: tuple[Groove, ...] = (
    {"kick": "x.....o.....", "snare": "......x.....", "time": "x.o.o.x.o.o."},
    {"kick": "x...x.......", "snare": "......x...g.", "time": "x.o.o.x.o.o."},
    {"kick": "x.....x.....", "tambourine": "x.o.o.x.o.o."},
    {"tom low": "x...o.x...o.", "kick": "x..........."},
    {"kick": "x.........x.", "rim": "......x.....", "time": "xoooooxooooo"},
)

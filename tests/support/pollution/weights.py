"""How often each pollution occurs among 3,712 CSV files of open data portals.

Source: G. Vitagliano et al., "Pollock: A Data Loading Benchmark" (PVLDB 2023), the survey behind its weights
"""

# files with the pollution; what the survey did not count weighs as much as a file without any: 1
WEIGHTS = {
    "line feed": 1691,
    "semicolon": 834,
    "row width": 520,
    "no header": 470,
    "preamble": 282,
    "second table": 188,
    "no last line end": 184,
    "comma and space": 101,
    "header rows": 94,
    "no rows": 18,
    "apostrophe": 11,
    "carriage return": 7,
    "stray quote": 7,
    "other escape": 8,
    "line ends at the end": 5,
    "tab": 4,
    "space": 4,
    "one row": 4,
}


def weight(kind: str) -> int:
    """How many of the surveyed files had this pollution."""
    return WEIGHTS.get(kind, 1)

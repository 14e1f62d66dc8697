from __future__ import annotations

import subprocess
import sys


def test_wiring_imports_nothing_heavy():
    """Registering the plugin loads neither SciPy nor Rich's tables, so that collection stays quick."""
    code = "import sys, reports.plugin; print([name for name in ('scipy', 'rich.table', 'torch', 'zeus') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

"""Write what the page `Is your neuron continuous?` runs on: Python for browsers, SymPy and `symbolic`, as scripts.

`python docs/_site/browser/build.py FOLDER` fetches Pyodide from npm and wheels from PyPI, once. Each file becomes a
script that holds it compressed, as text, because pages that are opened from disk may load scripts but nothing else.
"""

import base64
import gzip
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYODIDE, PYTHON, PLATFORM = "314.0.7", "3.14", "pyemscripten_2026_0_wasm32"
RUNTIME = "pyodide.js", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip"
WHEELS = "sympy==1.14.0", "mpmath==1.3.0", "python-flint==0.9.0", "latex2mathml==3.81.1"
_LEFT_OUT = "/tests/", "/benchmarks/", "sympy/parsing/latex/", "sympy/parsing/autolev/"


def main(folder: Path) -> None:
    """Fetch what is missing, and write the scripts."""
    fetched = folder / "fetched"
    fetched.mkdir(parents=True, exist_ok=True)
    _fetch_runtime(fetched)
    _fetch_wheels(fetched)
    files = {name: (fetched / "package" / name).read_bytes() for name in RUNTIME}
    archives = {}
    for wheel in sorted(fetched.glob("*.whl")):
        archives[wheel.name] = _slim(wheel)
    archives["symbolic.zip"] = _own()
    for name, content in (files | archives).items():
        text = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
        (folder / f"{name}.js").write_text(f"browserFile({json.dumps(name)}, {json.dumps(text)});\n")
    names = json.dumps({"runtime": list(files), "archives": list(archives)})
    page = (HERE / "page.js").read_text().replace("FILES", names, 1)
    (folder / "page.js").write_text(page.replace("WORKER", json.dumps((HERE / "worker.js").read_text()), 1))


def _fetch_runtime(fetched: Path) -> None:
    marker = fetched / "package" / "package.json"
    if marker.exists() and json.loads(marker.read_text())["version"] == PYODIDE:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(
            "error: the page `Is your neuron continuous?` needs npm, to fetch Pyodide; install Node.js, or leave the "
            "page out: make docs BROWSER=no"
        )
    subprocess.run([npm, "pack", "--silent", f"pyodide@{PYODIDE}"], cwd=fetched, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(fetched / f"pyodide-{PYODIDE}.tgz") as archive:
        archive.extractall(fetched, filter="data")


def _fetch_wheels(fetched: Path) -> None:
    for wheel in WHEELS:
        name, version = wheel.replace("-", "_").split("==")
        if not list(fetched.glob(f"{name}-{version}-*.whl")):
            for old in fetched.glob(f"{name}-*.whl"):
                old.unlink()
            options = ["--platform", PLATFORM, "--python-version", PYTHON, "--only-binary=:all:", "--no-deps"]
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*command, *options, "--dest", str(fetched), wheel], check=True)


def _slim(wheel: Path) -> bytes:
    """A wheel without its tests, uncompressed: the script is compressed as a whole."""
    with zipfile.ZipFile(wheel) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if not any(part in name for part in _LEFT_OUT)}
    return _zipped(kept)


def _own() -> bytes:
    """The package `symbolic` and what writes the report."""
    found = {str(path.relative_to(ROOT)): path.read_bytes() for path in sorted((ROOT / "symbolic").rglob("*.py"))}
    return _zipped(found | {name: (HERE / name).read_bytes() for name in ("report.py", "phase_line.py")})


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

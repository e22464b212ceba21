"""Checks that every target declares the targets and products that it imports.

Reads `swift package describe --type json`. The compiler finds a module that is not declared wherever another target
happened to be built before, so that such a manifest builds on one machine and not on the next.
"""

import json
import pathlib
import re
import sys

package = json.load(sys.stdin)
targets = package["targets"]
known = {target["c99name"] for target in targets}.union(*(target.get("product_dependencies", []) for target in targets))
importing = re.compile(r"^\s*(?:@\w+\s+)*(?:\w+\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)", re.MULTILINE)

mistakes = []
for target in targets:
    declared = {name.replace("-", "_") for name in target.get("target_dependencies", [])}
    declared.update(target.get("product_dependencies", []))
    sources = [pathlib.Path(package["path"], target["path"], name) for name in target["sources"]]
    imported = {name for source in sources if source.suffix == ".swift" for name in importing.findall(source.read_text())}
    mistakes += [f"{target['name']} imports {name}, which Package.swift does not give it"
                 for name in sorted((imported & known) - declared)]
sys.exit("\n".join(mistakes) or None)

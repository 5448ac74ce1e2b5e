"""Workflows as the frontend saves them, drawn node by node.

`d("KSampler", steps=4, model=loaded[0])` adds a node: wires go to sockets, other values to widgets, and
widgets that are not named keep their defaults. What nodes have is read from nodes.json.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NODES = Path(__file__).with_name("nodes.json")
INLET, OUTLET = -10, -20  # what a box's own links start from and end at
MUTED = 2
GIVEN = "your image", "layout", "colors", "first", "second"  # titles of previews of what is given
FAR = 10_000  # where the lower row is until `settle`
GAP, TITLE = 30, 30  # between nodes in a column, and the height of a title
VERSION = "0.1.0"
ADDRESS = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/img2noise/ComfyUI-img2noise")
COLORS = {"words": ("#232", "#353"), "note": ("#432", "#653")}
GROUP = "#3f789e"
PICTURES = {"PreviewImage": 270, "PreviewAny": 110, "Img2NoisePickNoise": 330}  # pixels


@dataclass(frozen=True)
class Wire:
    """Output `slot` of a node."""

    node: int
    slot: int
    kind: str


@dataclass(frozen=True)
class Node:
    """A node that was drawn; indexing makes a wire from one of its outputs."""

    number: int
    kinds: tuple[str, ...]

    def __getitem__(self, slot: int) -> Wire:
        return Wire(self.number, slot, self.kinds[slot])


@dataclass(frozen=True)
class Inlet:
    """What comes into a box: a wire, or a widget with the value that it has at first."""

    name: str
    kind: str
    label: str
    value: object = None


class Drawing:
    """One graph: its nodes and links in the order drawn, and which nodes show what the thumbnail has."""

    def __init__(self, name: str):
        self.name = name
        self.known = json.loads(NODES.read_text("utf-8"))
        self.nodes: list[dict] = []
        self.links: list[list] = []
        self.groups: list[dict] = []
        self.boxes: list[dict] = []
        self.inlets: list[Inlet] = []
        self.outlets: list[tuple[Wire, str]] = []
        self.shown: list[tuple[int, int, str]] = []  # node, which of its images, caption
        self.controls: list[tuple[int, str]] = []
        self.x = self.y = 0

    def __call__(self, kind: str, title: str = "", *, mode: int = 0, wide: int = 320, **given) -> Node:
        known = self.known[kind]
        if unknown := given.keys() - {slot["name"] for slot in known["inputs"]}:
            raise ValueError(f"got {', '.join(sorted(unknown))} for {kind}, which has no such input")
        number = len(self.nodes) + 1
        inputs, values = self._inputs(number, known["inputs"], given)
        heights = 24 * len(values) + sum(76 for slot in known["inputs"] if slot.get("lines"))
        slots = max(sum("widget" not in slot for slot in inputs), len(known["outputs"]))
        height = 10 + 20 * slots + heights + PICTURES.get(kind, 0)
        node = self._node(kind, [wide, height], mode, inputs, known["outputs"])
        ours = kind.startswith("Img2Noise")
        node["properties"] = dict(cnr_id="img2noise" if ours else "comfy-core")
        node["properties"] |= {"ver": VERSION if ours else "0.14.0", "Node name for S&R": kind}
        node["widgets_values"] = values
        if title:
            node["title"] = title
        if kind == "CLIPTextEncode":
            node["color"], node["bgcolor"] = COLORS["words"]
        return Node(number, tuple(slot["type"] for slot in known["outputs"]))

    def note(self, text: str) -> None:
        """Draw the text that says what the template does, left of all else."""
        height = 60 + sum(24 * (1 + len(line) // 50) for line in text.splitlines())
        node = self._node("MarkdownNote", [400, height], 0, [], [])
        node |= dict(pos=[0, 0], title="Read me", properties={}, widgets_values=[text])
        node["color"], node["bgcolor"] = COLORS["note"]

    def preview(self, title: str, images: Wire, shown: int = 1, **how) -> Node:
        """Draw a node that shows images, the first of which the thumbnail shows too."""
        made = self("PreviewImage", title, images=images, **how)
        self.show(title, made, shown)
        return made

    def show(self, title: str, node: Node, count: int = 1) -> None:
        """Let the thumbnail show the first images of a node."""
        self.shown += [(node.number, i, f"{title} {i + 1}" if count > 1 else title) for i in range(count)]

    @contextmanager
    def column(self, x: int, group: str = "", below: bool = False):
        """Put the nodes that are drawn meanwhile below each other, in a frame if it has a name; `below` all
        that is not in such a column.
        """
        first, y, self.x, self.y = len(self.nodes), FAR * below, x, FAR * below
        yield
        inside = self.nodes[first:]
        if group:
            width = max(node["size"][0] for node in inside)
            box = [x - 20, y - 80, width + 40, self.y - y - GAP + 70]
            found = dict(id=len(self.groups) + 1, title=group, bounding=box)
            self.groups.append(found | dict(color=GROUP, font_size=24, flags={}))

    def settle(self) -> None:
        """Bring the lower row up to the one above it."""
        bottom = max(node["pos"][1] + node["size"][1] for node in self.nodes[1:] if node["pos"][1] < FAR)
        for node in self.nodes:
            node["pos"][1] -= (FAR - bottom - 150) * (node["pos"][1] >= FAR)
        for group in self.groups:
            group["bounding"][1] -= (FAR - bottom - 150) * (group["bounding"][1] > FAR / 2)

    def models(self, number: Node, *files: dict) -> None:
        """Say where a node's files are downloaded from."""
        self.nodes[number.number - 1]["properties"]["models"] = list(files)

    def inlet(self, name: str, kind: str, label: str = "", value=None) -> Wire:
        """Return the wire of something that comes into this graph, where it is the inside of a box."""
        self.inlets.append(Inlet(name, kind, label or name, value))
        return Wire(INLET, len(self.inlets) - 1, kind)

    def outlet(self, wire: Wire, name: str) -> None:
        """Let a wire leave this graph, where it is the inside of a box."""
        self.outlets.append((wire, name))

    def box(self, inside: Drawing, title: str, width: int = 340, **wires: Wire) -> Node:
        """Draw another graph as one node, with wires to its inlets; the other inlets are widgets."""
        number, key = len(self.nodes) + 1, str(uuid.uuid5(ADDRESS, f"{self.name}/{inside.name}"))
        inputs = [self._box_input(number, i, slot, wires) for i, slot in enumerate(inside.inlets)]
        outputs = [dict(name=name, type=wire.kind) for wire, name in inside.outlets]
        widgets = [slot for slot in inside.inlets if slot.value is not None]
        lines = sum(76 for slot in widgets if slot.kind == "STRING")
        height = 10 + 20 * max(len(inputs) - len(widgets), len(outputs)) + 26 * len(widgets) + lines
        height += 26 * len(inside.controls)
        node = self._node(key, [width, height], 0, inputs, outputs)
        proxies = [["-1", slot.name] for slot in widgets]
        proxies += [[str(number), name] for number, name in inside.controls]
        node["properties"] = dict(proxyWidgets=proxies, cnr_id="img2noise", ver=VERSION)
        node["widgets_values"] = [slot.value for slot in widgets] + [None] * len(inside.controls)
        node["title"] = title
        self.boxes.append(inside._defined(key))
        return Node(number, tuple(slot["type"] for slot in outputs))

    def saved(self, app: list[list]) -> dict:
        """Return the workflow; `app` lists the [node, widget] that App mode shows."""
        previews = [node for node in self.nodes if node["type"] == "PreviewImage"]
        results = [node["id"] for node in previews if node["title"] not in GIVEN]
        extra = dict(ds=dict(scale=0.6, offset=[80, 140]), linearData=dict(inputs=app, outputs=results))
        made = dict(id=str(uuid.uuid5(ADDRESS, self.name)), revision=0, last_node_id=len(self.nodes))
        made |= dict(last_link_id=len(self.links), nodes=self.nodes, links=self.links, groups=self.groups)
        if self.boxes:
            made["definitions"] = dict(subgraphs=self.boxes)
        return made | dict(config={}, extra=extra, version=0.4)

    def _node(self, kind: str, size: list[int], mode: int, inputs: list[dict], outputs: list[dict]) -> dict:
        node = dict(id=len(self.nodes) + 1, type=kind, pos=[self.x, self.y], size=size, flags={})
        node |= dict(order=len(self.nodes), mode=mode, inputs=inputs)
        node["outputs"] = [dict(name=slot["name"], type=slot["type"], links=[]) for slot in outputs]
        self.nodes.append(node)
        self.y += size[1] + TITLE + GAP
        return node

    def _inputs(self, number: int, slots: list[dict], given: dict) -> tuple[list[dict], list]:
        """Return the sockets that are shown, wired, and the values of the widgets."""
        inputs: list[dict] = []
        values: list = []
        for slot in slots:
            value = given.get(slot["name"], slot.get("default"))
            if "default" in slot:
                values.append(self._first(value) if isinstance(value, Wire) else value)
                values += slot.get("after", [])
            if "default" not in slot or isinstance(value, Wire):
                shown = dict(name=slot["name"], type=slot["type"])
                if "default" in slot:
                    shown["widget"] = dict(name=slot["name"])
                wire = value if isinstance(value, Wire) else None
                shown["link"] = wire and self._link(wire, number, len(inputs), slot["type"])
                inputs.append(shown)
        return inputs, values

    def _first(self, wire: Wire):
        """Return the value of a widget that a wire overrides."""
        return self.inlets[wire.slot].value if wire.node == INLET else ""

    def _box_input(self, number: int, index: int, slot: Inlet, wires: dict[str, Wire]) -> dict:
        wire = wires.get(slot.name)
        shown = dict(label=slot.label, name=slot.name, type=slot.kind)
        if slot.value is not None:
            shown["widget"] = dict(name=slot.name)
        return shown | dict(link=wire and self._link(wire, number, index, slot.kind))

    def _link(self, wire: Wire, target: int, slot: int, kind: str) -> int:
        number = len(self.links) + 1
        self.links.append([number, wire.node, wire.slot, target, slot, kind])
        if wire.node > 0:
            self.nodes[wire.node - 1]["outputs"][wire.slot]["links"].append(number)
        return number

    def _defined(self, key: str) -> dict:
        """Return this graph as the inside of a box."""
        for slot, (wire, _) in enumerate(self.outlets):
            self._link(wire, OUTLET, slot, wire.kind)
        names = "id", "origin_id", "origin_slot", "target_id", "target_slot", "type"
        links = [dict(zip(names, link, strict=True)) for link in self.links]
        right = max(node["pos"][0] + node["size"][0] for node in self.nodes)
        inputs = [
            dict(id=self._id("in", slot.name), name=slot.name, type=slot.kind, label=slot.label)
            | dict(linkIds=[k[0] for k in self.links if k[1:3] == [INLET, i]], pos=[-120, 20 + 20 * i])
            for i, slot in enumerate(self.inlets)
        ]
        outputs = [
            dict(id=self._id("out", name), name=name, type=wire.kind, label=name)
            | dict(linkIds=[k[0] for k in self.links if k[3] == OUTLET and k[4] == i])
            | dict(pos=[right + 120, 20 + 20 * i])
            for i, (wire, name) in enumerate(self.outlets)
        ]
        state = dict(lastGroupId=0, lastNodeId=len(self.nodes), lastLinkId=len(links), lastRerouteId=0)
        ends = dict(inputNode=dict(id=INLET, bounding=[-260, 0, 160, 40 + 20 * len(inputs)]))
        ends["outputNode"] = dict(id=OUTLET, bounding=[right + 100, 0, 120, 40 + 20 * len(outputs)])
        return (
            dict(id=key, version=1, state=state, revision=0, config={}, name=self.name)
            | ends
            | dict(
                inputs=inputs, outputs=outputs, widgets=[], nodes=self.nodes, groups=[], links=links, extra={}
            )
        )

    def _id(self, *parts: str) -> str:
        return str(uuid.uuid5(ADDRESS, "/".join([self.name, *parts])))

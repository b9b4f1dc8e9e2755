# Objects, dictionaries, strings and JSON: argument = rounds.
import json
import sys


class Node:
    def __init__(self, key, value, parent):
        self.key = key
        self.value = value
        self.parent = parent
        self.children = []


def tree(n):
    nodes = [Node(0, "root", None)]
    for i in range(1, n):
        parent = nodes[i * 7919 % 20011 % i]
        node = Node(i, "value %d" % i, parent)
        parent.children.append(node)
        nodes.append(node)
    return nodes


def record(i):
    return {
        "id": i,
        "name": "name %06d" % (i * 7919 % 100003),
        "tags": ["t%d" % (i % k) for k in range(2, 8)],
        "nested": {"x": i * 0.5, "y": [i, i + 1, i + 2], "text": "lorem ipsum " * (i % 9)},
    }


total = 0
for r in range(int(sys.argv[1])):
    nodes = tree(20000)
    total += sum(len(node.children) for node in nodes)
    text = json.dumps([record(i) for i in range(r, r + 8000)])
    again = json.loads(text)
    groups = {}
    for item in again:
        groups.setdefault(item["name"][:7], []).append(item["nested"]["text"].upper())
    total += sum(len("".join(texts)) for texts in groups.values())
    total += len(b"".join(bytes([i % 251]) * (i % 700) for i in range(5000)))
print(total)

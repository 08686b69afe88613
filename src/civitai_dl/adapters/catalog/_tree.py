"""Up and down the edges: what lies below some tasks, and above others. Heads of statements.

Tasks are given as one parameter, a JSON list: of keys for what is below, of row ids for what is
above.
"""

from __future__ import annotations

BELOW = """
WITH RECURSIVE below (id) AS (
  SELECT id FROM tasks WHERE key IN (SELECT value FROM json_each(?))
  UNION SELECT edges.child FROM edges JOIN below ON edges.parent = below.id
)
"""

WANTED = """
WITH RECURSIVE below (id) AS (
  SELECT id FROM tasks WHERE key IN (SELECT value FROM json_each(?))
  UNION SELECT edges.child FROM edges JOIN below ON edges.parent = below.id AND edges.run >= 0
)
"""
"""As BELOW, without what a page told of when it was read last and the selection left out.

The run of such an edge is -1; 0 is that of edges whose run nobody knows any more.
"""

LEAVE_OUT = """
UPDATE edges SET run = -1 WHERE parent = ? AND child IN (
  SELECT id FROM tasks WHERE key IN (SELECT value FROM json_each(?)))
"""

LEAVE_ALL_OUT = "UPDATE edges SET run = -1 WHERE parent = ?"

IS_LEFT_OUT = "SELECT 1 FROM edges WHERE child = ? AND run = -1"

WANT_AGAIN = "UPDATE edges SET run = ? WHERE run = -1 AND child IN (SELECT id FROM touched)"

WITHDRAWN = "[ ]"
"""The roots of a target that was withdrawn: none, and not the text of one that never had any."""

WITHIN = "id IN (SELECT id FROM below)"

ABOVE = """
WITH RECURSIVE above (id) AS (
  SELECT value FROM json_each(?)
  UNION SELECT edges.parent FROM edges JOIN above ON edges.child = above.id
)
SELECT key FROM tasks JOIN above USING (id)
"""

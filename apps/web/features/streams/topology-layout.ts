import type { TopologyNode } from './model.ts'

/** Where a node stands: column by its distance from the sources, row within the column. */
export interface PlacedNode {
  readonly node: TopologyNode
  readonly column: number
  readonly row: number
}

export interface TopologyLayout {
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly { readonly from: PlacedNode; readonly to: PlacedNode }[]
  readonly columns: number
  readonly rows: number
}

/**
 * Columns by the longest way from a source, so that every edge leads to the right; within a column nodes stand near the middle of their
 * parents, which keeps most edges from crossing. A topology has no cycles.
 */
export function layoutOf(nodes: readonly TopologyNode[]): TopologyLayout {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const columnOf = new Map<string, number>()
  const measure = (node: TopologyNode): number => {
    const known = columnOf.get(node.name)
    if (known !== undefined) return known
    const parents = node.parents.flatMap((name) => byName.get(name) ?? [])
    const column = parents.length === 0 ? 0 : 1 + Math.max(...parents.map(measure))
    columnOf.set(node.name, column)
    return column
  }
  const columns = Map.groupBy(nodes, measure)
  const placed = new Map<string, PlacedNode>()
  for (const column of [...columns.keys()].toSorted((a, b) => a - b)) {
    const wish = (node: TopologyNode): number => {
      const rows = node.parents.flatMap((name) => placed.get(name)?.row ?? [])
      return rows.length === 0 ? 0 : rows.reduce((sum, row) => sum + row, 0) / rows.length
    }
    const sorted = (columns.get(column) ?? []).toSorted((a, b) => wish(a) - wish(b))
    let free = 0
    for (const node of sorted) {
      const row = Math.max(free, Math.round(wish(node)))
      placed.set(node.name, { node, column, row })
      free = row + 1
    }
  }
  const all = [...placed.values()]
  return {
    nodes: all,
    edges: all.flatMap((to) =>
      to.node.parents.flatMap((name) => {
        const from = placed.get(name)
        return from === undefined ? [] : [{ from, to }]
      }),
    ),
    columns: Math.max(0, ...all.map(({ column }) => column + 1)),
    rows: Math.max(0, ...all.map(({ row }) => row + 1)),
  }
}

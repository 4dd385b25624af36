/** Which methods a path has, to tell 405 from 404: the router itself only knows that one method has no such path. */
export class RouteMethods {
  readonly #rows = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()

  add(method: string | readonly string[], url: string): void {
    const row = this.#rows.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
    this.#rows.set(url, row)
    for (const name of typeof method === 'string' ? [method] : method) row.methods.add(name)
  }

  /** Methods of all routes that match the path, in order of the alphabet. */
  allowedAt(path: string): readonly string[] {
    const found = new Set<string>()
    for (const { pattern, methods } of this.#rows.values()) {
      if (pattern.test(path)) for (const method of methods) found.add(method)
    }
    return [...found].toSorted()
  }
}

/** `/threads/:id/votes` and `/static/*` as regular expressions over the raw path. */
function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((segment) => {
      if (segment === '*') return '.*'
      if (segment.startsWith(':')) return '[^/]+'
      return segment.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    })
    .join('/')
  return new RegExp(`^${source}$`)
}

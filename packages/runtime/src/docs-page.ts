/** The parts of an OpenAPI 3.1 document the page shows. */
export interface OpenApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content?: MediaTypes }
  readonly responses?: Readonly<Record<string, { description?: string; content?: MediaTypes }>>
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly description?: string
  readonly schema?: JsonSchema
}

type MediaTypes = Readonly<Record<string, { readonly schema?: JsonSchema }>>

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
}

/** Deepest nesting of a schema that is drawn and made an example of; recursion ends here. */
const maxDepth = 8

/** The API as one page of plain HTML: no script, readable in light, dark, print and without style. */
export function renderDocsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const groups = Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'api')
  // What every service has comes last; a reader looks for what this one does.
  const names = [...groups.keys()].toSorted(
    (left, right) => Number(left === 'operations') - Number(right === 'operations'),
  )
  const { title, version, description } = document.info
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} API</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)} <small>${escapeHtml(version)}</small></h1>
<p>${escapeHtml(description ?? '')}</p>
<p>Machine readable: <a href="openapi.json">OpenAPI 3.1</a>. Every error is a problem document (RFC 9457) with a stable <code>code</code>.</p>
</header>
<nav aria-label="Routes"><ul>${names
    .flatMap((name) => groups.get(name) ?? [])
    .map(
      ({ path, method }) =>
        `<li><a href="#${anchor(method, path)}"><b>${method.toUpperCase()}</b> ${escapeHtml(path)}</a></li>`,
    )
    .join('')}</ul></nav>
<main>
${names.map((name) => `<h2>${escapeHtml(name)}</h2>\n${(groups.get(name) ?? []).map(renderOperation).join('\n')}`).join('\n')}
</main>
</body>
</html>
`
}

function renderOperation(row: { path: string; method: string; operation: Operation }): string {
  const { path, method, operation } = row
  const example = curlExample(method, path, operation)
  return `<section id="${anchor(method, path)}">
<h3><b class="${method}">${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code></h3>
${operation.summary ? `<p><strong>${escapeHtml(operation.summary)}</strong></p>` : ''}
${operation.description ? `<p>${escapeHtml(operation.description)}</p>` : ''}
${renderParameters(operation.parameters ?? [])}
${renderBody('Body', operation.requestBody?.content)}
<pre>${escapeHtml(example)}</pre>
${Object.entries(operation.responses ?? {})
  .filter(([status]) => status !== 'default')
  .map(([status, response]) => renderBody(`Answer ${status}`, response.content))
  .join('\n')}
</section>`
}

function renderParameters(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return ''
  return table(
    'Parameters',
    parameters.map((parameter) => ({
      name: parameter.name,
      type: `${parameter.in}, ${typeText(parameter.schema ?? {})}`,
      isRequired: parameter.required === true && parameter.schema?.default === undefined,
      meaning: parameter.description ?? parameter.schema?.description ?? '',
    })),
  )
}

function renderBody(title: string, content: MediaTypes | undefined): string {
  const [mediaType, media] = Object.entries(content ?? {})[0] ?? []
  if (!mediaType || !media?.schema) return ''
  const rows = fieldRows(media.schema, '', 0)
  const caption = `${title}: ${mediaType}`
  return rows.length > 0
    ? table(caption, rows)
    : `<p>${escapeHtml(caption)}, ${escapeHtml(typeText(media.schema))}</p>`
}

interface FieldRow {
  readonly name: string
  readonly type: string
  readonly isRequired: boolean
  readonly meaning: string
}

function fieldRows(schema: JsonSchema, prefix: string, depth: number): FieldRow[] {
  if (depth > maxDepth) return []
  if (schema.items && !schema.properties) return fieldRows(schema.items, `${prefix}[].`, depth + 1)
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [
    {
      name: prefix.replaceAll('.[]', '[]') + name,
      type: typeText(property),
      isRequired: schema.required?.includes(name) === true,
      meaning: property.description ?? '',
    },
    ...fieldRows(property, `${prefix}${name}.`, depth + 1),
  ])
}

function table(caption: string, rows: readonly FieldRow[]): string {
  const body = rows
    .map(
      (row) =>
        `<tr><td><code>${escapeHtml(row.name)}</code></td><td>${escapeHtml(row.type)}</td><td>${row.isRequired ? 'required' : 'optional'}</td><td>${escapeHtml(row.meaning)}</td></tr>`,
    )
    .join('')
  return `<div class="scroll"><table><caption>${escapeHtml(caption)}</caption><thead><tr><th>Name</th><th>Type</th><th>Needed</th><th>Meaning</th></tr></thead><tbody>${body}</tbody></table></div>`
}

/** Type and bounds in one line, such as `text, 1…200 characters`. */
function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf) return schema.anyOf.map(typeText).join(' | ')
  const base = schema.items
    ? `list of ${typeText(schema.items)}`
    : [schema.type ?? 'anything'].flat().join(' | ')
  const bounds = [
    schema.format,
    rangeText(schema.minLength, schema.maxLength, ' characters'),
    rangeText(schema.minimum, schema.maximum, ''),
    rangeText(schema.minItems, schema.maxItems, ' items'),
    schema.pattern === undefined ? undefined : `pattern ${schema.pattern}`,
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
  ]
  return [base, ...bounds.filter((bound) => bound !== undefined)].join(', ')
}

function rangeText(
  min: number | undefined,
  max: number | undefined,
  unit: string,
): string | undefined {
  if (min === undefined && max === undefined) return undefined
  return `${min ?? ''}…${max ?? ''}${unit}`
}

function curlExample(method: string, path: string, operation: Operation): string {
  const verb = method === 'get' ? '' : ` -X ${method.toUpperCase()}`
  const query = (operation.parameters ?? [])
    .filter(
      ({ in: part, required, schema }) =>
        part === 'query' && required && !('default' in (schema ?? {})),
    )
    .map((parameter) => `${parameter.name}=${String(exampleOf(parameter.schema ?? {}, 0))}`)
    .join('&')
  const schema = operation.requestBody?.content?.['application/json']?.schema
  const body = schema
    ? ` -H 'content-type: application/json' -d '${JSON.stringify(exampleOf(schema, 0))}'`
    : ''
  return `curl${verb} 'http://localhost:8080${path}${query && `?${query}`}'${body}`
}

function exampleOf(schema: JsonSchema, depth: number): unknown {
  if (schema.examples?.[0] !== undefined) return schema.examples[0]
  if (schema.default !== undefined) return schema.default
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf?.[0]) return exampleOf(schema.anyOf[0], depth + 1)
  if (depth > maxDepth) return null
  if (schema.items) return [exampleOf(schema.items, depth + 1)]
  if (schema.properties) {
    const names = Object.entries(schema.properties).filter(([name]) =>
      schema.required?.includes(name),
    )
    return Object.fromEntries(names.map(([name, item]) => [name, exampleOf(item, depth + 1)]))
  }
  const type = [schema.type ?? 'string'].flat()[0] ?? 'string'
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1
  return type in exampleByType ? exampleByType[type] : 'text'
}

const exampleByType: Readonly<Record<string, unknown>> = {
  boolean: true,
  null: null,
  array: [],
  object: {},
}

function anchor(method: string, path: string): string {
  return `${method}${path.replaceAll(/[^a-zA-Z0-9]+/g, '-')}`
}

const htmlEscapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => htmlEscapes[character] ?? character)
}

const style = `
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a4150); --soft: light-dark(#f4f6f9, #1c212b); --link: light-dark(#0b57b5, #8ab8ff) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; background: light-dark(#fff, #12151c); color: light-dark(#1a1d24, #e6e9ef); overflow-wrap: anywhere }
a { color: var(--link) } h1 small { font-weight: 400; opacity: .7 }
nav ul { list-style: none; padding: 0; columns: 20rem } h3 { font-weight: 400; margin-bottom: .25rem }
section { border-top: 1px solid var(--line); padding: .5rem 0 1rem }
pre { background: var(--soft); padding: .75rem; border-radius: 6px; white-space: pre-wrap }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: .75rem 0 }
caption { text-align: left; font-weight: 600 } th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0 }
`

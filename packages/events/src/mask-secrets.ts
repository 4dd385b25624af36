import type { EventContract } from './contract.ts'

/** Stands for a secret value, whatever its type and length were. */
export const maskedValue = '"***"'

/** Deeper values of a payload with secrets are masked whole. */
const maxDepth = 200

/** A JSON schema, as far as it says where things are. */
interface SchemaNode {
  readonly secret?: unknown
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode | readonly SchemaNode[]
  readonly prefixItems?: readonly SchemaNode[]
  readonly additionalItems?: SchemaNode | boolean
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly allOf?: readonly SchemaNode[]
}

/**
 * An event's payload (the whole envelope as JSON) as people may see it: values that the contract marks as secret become `"***"`, and every
 * other byte stays, big numbers and the order of keys included. A field is marked in its schema: `Type.String({ secret: true })`; on an object
 * or an array it covers all that is in it. In data of another version than the contract's, whose places may differ, everything under the name of
 * a secret field is masked. What is not JSON is masked whole where the contract has secrets. For views and exports; never for what is stored.
 * @param contract undefined for types that nobody declared: nothing is known to be secret
 */
export function maskSecrets(contract: EventContract | undefined, payload: string): string {
  if (!contract || !hasSecrets(contract)) return payload
  let envelope: unknown
  try {
    envelope = JSON.parse(payload)
  } catch {
    return maskedValue
  }
  const { version } = (envelope ?? {}) as { readonly version?: unknown }
  const names = version === contract.version ? noNames : secretsOf(contract).names
  return new Masker(payload, names).mask({ properties: { data: contract.data } })
}

const noNames: ReadonlySet<string> = new Set()

/** True when a contract marks something as secret. */
export function hasSecrets(contract: EventContract): boolean {
  const { names, isWhole } = secretsOf(contract)
  return isWhole || names.size > 0
}

interface Secrets {
  /** Names of secret fields, wherever they are. */
  readonly names: ReadonlySet<string>
  /** Something without a name is secret: all the data, or items of an array. */
  readonly isWhole: boolean
}

const known = new WeakMap<EventContract, Secrets>()

function secretsOf(contract: EventContract): Secrets {
  let secrets = known.get(contract)
  if (!secrets) {
    const names = new Set<string>()
    const isWhole = collect(contract.data, undefined, names, new Set())
    secrets = { names, isWhole }
    known.set(contract, secrets)
  }
  return secrets
}

/** Adds the names of secret fields below `node`; true when something there is secret that has no name. */
function collect(
  node: SchemaNode,
  name: string | undefined,
  names: Set<string>,
  seen: Set<SchemaNode>,
): boolean {
  if (seen.has(node)) return false
  seen.add(node)
  if (node.secret === true && name !== undefined) names.add(name)
  let isWhole = node.secret === true && name === undefined
  for (const [key, child] of Object.entries(node.properties ?? {}))
    isWhole = collect(child, key, names, seen) || isWhole
  // What holds for a field's items or alternatives holds for the field.
  for (const child of unnamedChildren(node)) isWhole = collect(child, name, names, seen) || isWhole
  return isWhole
}

function unnamedChildren(node: SchemaNode): readonly SchemaNode[] {
  const items =
    node.items === undefined ? [] : Array.isArray(node.items) ? node.items : [node.items]
  return [
    ...Object.values(node.patternProperties ?? {}),
    ...schemas(node.additionalProperties),
    ...(items as SchemaNode[]),
    ...(node.prefixItems ?? []),
    ...schemas(node.additionalItems),
    ...(node.anyOf ?? []),
    ...(node.oneOf ?? []),
    ...(node.allOf ?? []),
  ]
}

function schemas(node: SchemaNode | boolean | undefined): readonly SchemaNode[] {
  return typeof node === 'object' ? [node] : []
}

/** All schemas that a value may follow: alternatives are taken together, since one that is secret is enough. */
function expand(nodes: readonly SchemaNode[]): readonly SchemaNode[] {
  const all: SchemaNode[] = []
  const queue = [...nodes]
  for (let node = queue.pop(); node; node = queue.pop()) {
    if (all.includes(node)) continue
    all.push(node)
    queue.push(...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? []))
  }
  return all
}

function propertyOf(node: SchemaNode, key: string): readonly SchemaNode[] {
  const found: SchemaNode[] = []
  if (node.properties && Object.hasOwn(node.properties, key))
    found.push(node.properties[key] as SchemaNode)
  for (const [pattern, child] of Object.entries(node.patternProperties ?? {}))
    if (new RegExp(pattern, 'u').test(key)) found.push(child)
  return found.length > 0 ? found : schemas(node.additionalProperties)
}

function itemOf(node: SchemaNode, index: number): readonly SchemaNode[] {
  const places = node.prefixItems ?? (Array.isArray(node.items) ? (node.items as SchemaNode[]) : [])
  const place = places[index]
  if (place) return [place]
  return [
    ...(Array.isArray(node.items) ? [] : schemas(node.items as SchemaNode | undefined)),
    ...schemas(node.additionalItems),
  ]
}

const stringPattern = /"(?:[^"\\]|\\.)*"/y
const scalarPattern = /[^\s,\]}]+/y

/** Walks a valid JSON text beside its schema and notes which spans are secret. Owner of its place in the text. */
class Masker {
  readonly #text: string
  readonly #names: ReadonlySet<string>
  readonly #parts: string[] = []
  #at = 0
  /** Up to here the text is in `#parts`. */
  #copied = 0

  constructor(text: string, names: ReadonlySet<string>) {
    this.#text = text
    this.#names = names
  }

  mask(root: SchemaNode): string {
    this.#value([root], 0)
    this.#parts.push(this.#text.slice(this.#copied))
    return this.#parts.join('')
  }

  #value(nodes: readonly SchemaNode[], depth: number): void {
    this.#space()
    const all = expand(nodes)
    if (depth > maxDepth || all.some((node) => node.secret === true)) return this.#hide()
    const sign = this.#text[this.#at]
    if (sign === '{') this.#object(all, depth)
    else if (sign === '[') this.#array(all, depth)
    else this.#skip()
  }

  #object(nodes: readonly SchemaNode[], depth: number): void {
    this.#at++
    for (this.#space(); this.#text[this.#at] !== '}'; this.#space()) {
      if (this.#text[this.#at] === ',') {
        this.#at++
        continue
      }
      const key = JSON.parse(this.#match(stringPattern)) as string
      this.#space()
      this.#at++ // the colon
      this.#space()
      if (this.#names.has(key)) this.#hide()
      else
        this.#value(
          nodes.flatMap((node) => propertyOf(node, key)),
          depth + 1,
        )
    }
    this.#at++
  }

  #array(nodes: readonly SchemaNode[], depth: number): void {
    this.#at++
    let index = 0
    for (this.#space(); this.#text[this.#at] !== ']'; this.#space()) {
      if (this.#text[this.#at] === ',') {
        this.#at++
        continue
      }
      const place = index++
      this.#value(
        nodes.flatMap((node) => itemOf(node, place)),
        depth + 1,
      )
    }
    this.#at++
  }

  /** Replaces the value at hand. */
  #hide(): void {
    this.#parts.push(this.#text.slice(this.#copied, this.#at), maskedValue)
    this.#skip()
    this.#copied = this.#at
  }

  /** Passes a value without looking into it, however deep. */
  #skip(): void {
    let depth = 0
    do {
      this.#space()
      const sign = this.#text[this.#at]
      if (sign === '"') this.#match(stringPattern)
      else if (sign === '{' || sign === '[') {
        depth++
        this.#at++
      } else if (sign === '}' || sign === ']') {
        depth--
        this.#at++
      } else if (sign === ',' || sign === ':') this.#at++
      else this.#match(scalarPattern)
    } while (depth > 0)
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? '.')) this.#at++
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const text = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += Math.max(1, text.length)
    return text
  }
}

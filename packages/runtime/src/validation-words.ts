import { UuidSchema } from '@millrace/events'
import type { TSchema } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import type { FieldError } from './problem.ts'

type Fault = TLocalizedValidationError

/** The validator's faults in plain words, one row per field and reason. */
export function describeFaults(schema: TSchema, faults: readonly Fault[]): FieldError[] {
  const rows = collapseUnions(faults).flatMap((fault) => describe(schema, fault))
  const seen = new Set<string>()
  return rows.filter((row) => {
    const key = `${row.field}\0${row.reason}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** A union reports the faults of every branch; people want one: the choices, or the branch that came nearest. */
function collapseUnions(faults: readonly Fault[]): readonly Fault[] {
  const unions = faults.filter((fault) => fault.keyword === 'anyOf')
  const isInside = (fault: Fault, union: Fault): boolean =>
    fault.schemaPath.startsWith(`${union.schemaPath}/anyOf/`)
  const kept = faults.filter(
    (fault) => fault.keyword !== 'anyOf' && !unions.some((union) => isInside(fault, union)),
  )
  const outermost = unions.filter((union) => !unions.some((other) => isInside(union, other)))
  return [...kept, ...outermost.flatMap((union) => nearestBranch(union, faults, isInside))]
}

function nearestBranch(
  union: Fault,
  faults: readonly Fault[],
  isInside: (fault: Fault, union: Fault) => boolean,
): readonly Fault[] {
  const inside = faults.filter((fault) => fault.keyword !== 'anyOf' && isInside(fault, union))
  const branchOf = (fault: Fault): string =>
    fault.schemaPath.slice(union.schemaPath.length + '/anyOf/'.length).split('/', 1)[0] ?? ''
  const branches = Map.groupBy(inside, branchOf)
  const choices = inside.flatMap((fault) =>
    fault.keyword === 'const' && fault.instancePath === union.instancePath
      ? [fault.params.allowedValue]
      : [],
  )
  const types = inside.flatMap((fault) =>
    fault.keyword === 'type' && fault.instancePath === union.instancePath ? [fault] : [],
  )
  if (choices.length === branches.size && choices.length > 0)
    return [{ ...union, keyword: 'enum', params: { allowedValues: choices } }]
  const nearest = [...branches.values()].find(
    (branch) => !branch.some((fault) => types.includes(fault as never)),
  )
  if (nearest) return nearest
  const typeNames = types.map((fault) => [fault.params.type].flat().map(wordOfType).join(' or '))
  return [{ ...union, message: `must be ${[...new Set(typeNames)].join(' or ')}` }]
}

function describe(schema: TSchema, fault: Fault): FieldError[] {
  const field = fieldOf(fault.instancePath)
  if (fault.keyword === 'required') {
    return fault.params.requiredProperties.map((name) => ({
      field: join(field, name),
      reason: 'is required',
    }))
  }
  if (fault.keyword === 'additionalProperties') {
    const known = knownFields(schema, fault.schemaPath)
    return fault.params.additionalProperties.map((name) => ({
      field: join(field, name),
      reason: `is not a known field${known ? `; known are ${known}` : ''}`,
    }))
  }
  // The twin of `additionalProperties`: the same field, in the validator's inner words.
  if (fault.keyword === 'boolean') return []
  const words = reasons[fault.keyword] as ((params: object) => string) | undefined
  return [{ field, reason: words?.(fault.params) ?? fault.message }]
}

/** Nobody reads a pattern of hexadecimal digits. */
const uuidPattern = (UuidSchema as { readonly pattern?: string }).pattern

/** Words for the keywords people meet; for others the validator's own message does. */
const reasons: {
  readonly [Keyword in Fault['keyword']]?: (
    params: Extract<Fault, { readonly keyword: Keyword }>['params'],
  ) => string
} = {
  type: ({ type }) => `must be ${[type].flat().map(wordOfType).join(' or ')}`,
  const: ({ allowedValue }) => `must be ${JSON.stringify(allowedValue)}`,
  enum: ({ allowedValues }) =>
    `must be one of ${allowedValues.map((value) => JSON.stringify(value)).join(', ')}`,
  minLength: ({ limit }) =>
    limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`,
  maxLength: ({ limit }) => `must have at most ${limit} characters`,
  minItems: ({ limit }) => `must have at least ${limit} items`,
  maxItems: ({ limit }) => `must have at most ${limit} items`,
  minimum: ({ limit }) => `must be at least ${limit}`,
  maximum: ({ limit }) => `must be at most ${limit}`,
  exclusiveMinimum: ({ limit }) => `must be more than ${limit}`,
  exclusiveMaximum: ({ limit }) => `must be less than ${limit}`,
  format: ({ format }) => `must be a valid ${format}`,
  pattern: ({ pattern }) =>
    String(pattern) === uuidPattern
      ? 'must be a UUID in lower case'
      : `must match the pattern ${String(pattern)}`,
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
}

function wordOfType(type: string): string {
  return typeWords[type] ?? type
}

function fieldOf(instancePath: string): string {
  return segmentsOf(instancePath).reduce(join, '')
}

function segmentsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** As JavaScript would write it: `options.tags[1]`. */
function join(path: string, segment: string): string {
  if (/^\d+$/.test(segment)) return `${path}[${segment}]`
  return path === '' ? segment : `${path}.${segment}`
}

function knownFields(schema: TSchema, schemaPath: string): string | undefined {
  let node: unknown = schema
  for (const segment of segmentsOf(schemaPath))
    node = (node as Record<string, unknown> | undefined)?.[segment]
  const properties = (node as { properties?: Record<string, unknown> } | undefined)?.properties
  const names = Object.keys(properties ?? {})
  return names.length > 0 && names.length <= 20 ? names.join(', ') : undefined
}

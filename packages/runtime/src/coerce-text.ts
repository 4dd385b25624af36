import { Type, type TSchema } from 'typebox'

/**
 * Reads the texts of a query, path or headers as what the schema asks for: whole decimal numbers, `true`/`false`, and a single value
 * where a list is wanted. Anything else stays text, for the validator to refuse. (TypeBox's own `Convert` cuts 1.5 to 1 and
 * reads an empty text as 0, which would hide faults.)
 */
export function coerceText(schema: TSchema, received: unknown): unknown {
  if (!Type.IsObject(schema) || typeof received !== 'object' || received === null) return received
  const value: Record<string, unknown> = { ...received }
  for (const [name, property] of Object.entries(schema.properties)) {
    if (value[name] !== undefined) value[name] = coerceValue(property, value[name])
  }
  return value
}

function coerceValue(schema: TSchema, value: unknown): unknown {
  if (Type.IsArray(schema)) {
    const items = Array.isArray(value) ? value : [value]
    return items.map((item: unknown) => coerceValue(schema.items, item))
  }
  if (typeof value !== 'string') return value
  if (Type.IsUnion(schema)) {
    for (const branch of schema.anyOf) {
      const coerced = coerceValue(branch, value)
      if (coerced !== value) return coerced
    }
    return value
  }
  if (Type.IsInteger(schema)) return /^-?\d{1,15}$/.test(value) ? Number(value) : value
  if (Type.IsNumber(schema) || (Type.IsLiteral(schema) && typeof schema.const === 'number'))
    return /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : value
  if (Type.IsBoolean(schema)) return value === 'true' ? true : value === 'false' ? false : value
  return value
}

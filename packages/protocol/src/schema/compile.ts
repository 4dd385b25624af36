import type { ByteReader } from '../byte-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { ProtocolError } from '../errors.ts'
import type { Codec, CodecContext } from './codec.ts'
import { scalarCodec } from './scalars.ts'
import type { Field, FieldType, Fields } from './fields.ts'

interface PlannedField {
  readonly name: string
  readonly codec: Codec
}

interface StructPlan {
  readonly context: CodecContext
  readonly positional: readonly PlannedField[]
  /** By tag number; holes are tags that this version does not know. */
  readonly tagged: readonly (PlannedField | undefined)[]
  /** Not in this version, and not to be dropped silently. */
  readonly refused: readonly PlannedField[]
  readonly template: Readonly<Record<string, unknown>>
}

type StructValue = Record<string, unknown>

const emptyList: readonly unknown[] = Object.freeze([])

/**
 * Turns a declaration into a reader and a writer for one version. Everything that depends on the version (presence,
 * nullability, compact form, tags) is decided here, once; reading and writing are straight lists of closures.
 */
export function structCodec(fields: Fields, context: CodecContext): Codec {
  const plan = planStruct(fields, context)
  const minBytes = plan.positional.reduce(
    (sum, { codec }) => sum + codec.minBytes,
    context.flexible ? 1 : 0,
  )
  const all = Object.entries(fields).map(([name, field]) => ({
    name,
    codec: fieldCodec(field, context),
  }))
  return {
    read: (reader) => readStruct(reader, plan),
    write: (writer, value) => writeStruct(writer, plan, value as StructValue),
    isDefault: (value) =>
      all.every(({ name, codec }) => {
        const part = (value as StructValue)[name]
        return part === undefined || codec.isDefault(part)
      }),
    minBytes,
    absent: plan.template,
  }
}

function planStruct(fields: Fields, context: CodecContext): StructPlan {
  const positional: PlannedField[] = []
  const tagged: (PlannedField | undefined)[] = []
  const refused: PlannedField[] = []
  const template: StructValue = {}
  for (const [name, field] of Object.entries(fields)) {
    const { since = 0, until = Infinity, tag, ignorable } = field.options
    const planned = { name, codec: fieldCodec(field, context) }
    template[name] = planned.codec.absent
    if (context.version < since || context.version > until) {
      if (ignorable === undefined) refused.push(planned)
    } else if (tag === undefined) positional.push(planned)
    else tagged[tag] = planned
  }
  return { context, positional, tagged, refused, template: Object.freeze(template) }
}

function readStruct(reader: ByteReader, plan: StructPlan): StructValue {
  // Cloning the template gives every value of a version one hidden class, whatever it contains.
  const value: StructValue = { ...plan.template }
  for (const { name, codec } of plan.positional) {
    reader.field = name
    value[name] = codec.read(reader)
  }
  if (plan.context.flexible) readTags(reader, plan, value)
  return value
}

/** Unknown tags are skipped, as the sender expects (KIP-482). */
function readTags(reader: ByteReader, plan: StructPlan, value: StructValue): void {
  const count = reader.uvarint()
  let last = -1
  for (let i = 0; i < count; i++) {
    const tag = reader.uvarint()
    if (tag <= last) reader.fail('MR_PROTOCOL_BAD_TAG', `tag ${tag} follows tag ${last}`)
    last = tag
    const size = reader.uvarint()
    const end = reader.position + size
    const field = plan.tagged[tag]
    if (field === undefined) {
      reader.skip(size)
      continue
    }
    reader.field = field.name
    value[field.name] = field.codec.read(reader)
    if (reader.position !== end) {
      reader.fail(
        'MR_PROTOCOL_BAD_TAG',
        `tag ${tag} claims ${size} bytes but its value ends elsewhere`,
      )
    }
  }
}

function writeStruct(writer: ByteWriter, plan: StructPlan, value: StructValue): void {
  for (const { name, codec } of plan.refused) {
    const part = value[name]
    if (part !== undefined && !codec.isDefault(part)) refuse(name, plan.context.version)
  }
  for (const { name, codec } of plan.positional) {
    const part = value[name]
    codec.write(writer, part === undefined ? codec.absent : part)
  }
  if (plan.context.flexible) writeTags(writer, plan, value)
}

function writeTags(writer: ByteWriter, plan: StructPlan, value: StructValue): void {
  const { tagged } = plan
  if (tagged.length === 0) return writer.uvarint(0)
  let count = 0
  const present = tagged.map((field) => {
    const part = field === undefined ? undefined : value[field.name]
    const isPresent = field !== undefined && part !== undefined && !field.codec.isDefault(part)
    if (isPresent) count++
    return isPresent
  })
  writer.uvarint(count)
  for (const [tag, field] of tagged.entries()) {
    if (field === undefined || present[tag] !== true) continue
    writer.uvarint(tag)
    writer.sized(() => field.codec.write(writer, value[field.name]))
  }
}

function refuse(name: string, version: number): never {
  throw new ProtocolError(
    'MR_PROTOCOL_UNREPRESENTABLE',
    `Field "${name}" has a value, but version ${version} has no such field and it may not be dropped. Leave it out or use a version that has it.`,
    { field: name, version },
  )
}

function fieldCodec(field: Field, context: CodecContext): Codec {
  const { nullable = Infinity, default: standard } = field.options
  const codec = typeCodec(field.type, context, context.version >= nullable)
  if (standard === undefined) return codec
  return { ...codec, absent: standard, isDefault: (value) => value === standard }
}

function typeCodec(type: FieldType, context: CodecContext, nullable: boolean): Codec {
  if (type.kind === 'struct') {
    const codec = structCodec(type.fields, context)
    return nullable ? structOrNull(codec) : codec
  }
  if (type.kind === 'array') {
    return arrayCodec(typeCodec(type.element, context, false), context, nullable)
  }
  return scalarCodec(type.kind, context, nullable)
}

/** A byte says whether the structure follows: 1, or -1 for null. Kafka's generated readers take any negative as null. */
function structOrNull(codec: Codec): Codec {
  return {
    read: (reader) => (reader.int8() < 0 ? null : codec.read(reader)),
    write: (writer, value) => {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) codec.write(writer, value)
    },
    isDefault: (value) => value !== null && codec.isDefault(value),
    minBytes: 1,
    absent: codec.absent,
  }
}

function arrayCodec(element: Codec, { flexible }: CodecContext, nullable: boolean): Codec {
  const minBytes = Math.max(1, element.minBytes)
  return {
    read: (reader) => {
      const count = flexible ? reader.compactArrayCount(minBytes) : reader.arrayCount(minBytes)
      if (count === -1) return nullable ? null : unexpectedNull(reader)
      const values: unknown[] = []
      for (let i = 0; i < count; i++) values.push(element.read(reader))
      return values
    },
    write: (writer, value) => {
      const values = value as readonly unknown[] | null
      if (values === null && !nullable) refuseNull('an array')
      const count = values === null ? -1 : values.length
      if (flexible) writer.uvarint(count + 1)
      else writer.int32(count)
      if (values !== null) for (const part of values) element.write(writer, part)
    },
    isDefault: (value) => value !== null && (value as readonly unknown[]).length === 0,
    minBytes: flexible ? 1 : 4,
    absent: emptyList,
  }
}

function unexpectedNull(reader: ByteReader): never {
  return reader.fail('MR_PROTOCOL_UNEXPECTED_NULL', 'null, which this version does not allow')
}

function refuseNull(what: string): never {
  throw new ProtocolError(
    'MR_PROTOCOL_UNEXPECTED_NULL',
    `Cannot write null for ${what}: this version does not allow it. Give a value or use a version that allows null.`,
  )
}

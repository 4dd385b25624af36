/**
 * The language in which messages are declared. A message is an object literal of fields in wire order; its TypeScript
 * types are inferred from it, so there is no second copy to keep in step.
 *
 * Rules: int64 is `bigint` everywhere in messages (inside record batches, numbers are used instead); a uuid is Kafka's
 * base64url text; `bytes` and `records` are views when read.
 */

/** What may be said of a field; the meaning is that of Kafka's message definitions. */
export interface FieldOptions<T> {
  /** First version that has the field; all by default. */
  readonly since?: number
  /** Last version that has the field; all by default. */
  readonly until?: number
  /** First version in which it may be null; never by default. */
  readonly nullable?: number
  /** Sent as a tagged field with this number (KIP-482), only where it differs from its default. */
  readonly tag?: number
  /** Dropped silently where the version written has no such field; otherwise a value other than the default is refused. */
  readonly ignorable?: true
  /** Value when absent. By default 0, false, '', empty, zero UUID; `records` null. */
  readonly default?: T | null
}

export type ScalarKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records'

export type FieldType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'array'; readonly element: FieldType }
  | { readonly kind: 'struct'; readonly fields: Fields }

declare const phantom: unique symbol

/** A declared field: `Read` is the type it is read as, `Write` what may be written, `Optional` whether a writer may leave it out. */
export interface Field<Read = unknown, Write = unknown, Optional extends boolean = boolean> {
  readonly type: FieldType
  readonly options: FieldOptions<unknown>
  readonly [phantom]?: { readonly read: Read; readonly write: Write; readonly optional: Optional }
}

export type Fields = Readonly<Record<string, Field>>

type ReadOf<F> = F extends Field<infer Read, infer _Write, infer _Optional> ? Read : never
type WriteOf<F> = F extends Field<infer _Read, infer Write, infer _Optional> ? Write : never
type OptionalKeys<F> = {
  [K in keyof F]: F[K] extends Field<infer _Read, infer _Write, true> ? K : never
}[keyof F]

/** The message as read: every field is there, with its default where the version lacks it. */
export type Message<F extends Fields> = { readonly [K in keyof F]: ReadOf<F[K]> }

/** The message as written: fields with a default, or that some version lacks, may be left out. Takes every `Message` too. */
export type MessageInput<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalKeys<F>>]: WriteOf<F[K]>
} & { readonly [K in OptionalKeys<F>]?: WriteOf<F[K]> | undefined }

type OrNull<T, O> = O extends { readonly nullable: number } ? T | null : T
type MayBeLeftOut<O> = O extends
  | { readonly since: number }
  | { readonly until: number }
  | { readonly tag: number }
  | { readonly default: unknown }
  ? true
  : false
type Declared<Read, Write, O> = Field<OrNull<Read, O>, OrNull<Write, O>, MayBeLeftOut<O>>

const none = {}
type None = typeof none

function scalar<Read, Write = Read>(kind: ScalarKind) {
  return function declare<const O extends FieldOptions<Write> = None>(
    options?: O,
  ): Declared<Read, Write, O> {
    return { type: { kind }, options: options ?? none }
  }
}

export const bool = scalar<boolean>('bool')
export const int8 = scalar<number>('int8')
export const int16 = scalar<number>('int16')
export const int32 = scalar<number>('int32')
export const int64 = scalar<bigint>('int64')
export const float64 = scalar<number>('float64')
/** UTF-8, at most 32,767 bytes. */
export const string = scalar<string>('string')
/** Kafka's text form: 22 characters of base64url. */
export const uuid = scalar<string>('uuid')
/** Read as a view of the message. */
export const bytes = scalar<Buffer, Uint8Array>('bytes')
/** Record batches: read as a view of the message; written from one or several pieces, by reference. */
export const records = scalar<Buffer, Uint8Array | readonly Uint8Array[]>('records')

/** A list of scalars. */
export function list<Read, Write, const O extends FieldOptions<readonly Write[]> = None>(
  element: Field<Read, Write, false>,
  options?: O,
): Declared<readonly Read[], readonly Write[], O> {
  return { type: { kind: 'array', element: element.type }, options: options ?? none }
}

/** A list of structures. */
export function structs<
  F extends Fields,
  const O extends FieldOptions<readonly MessageInput<F>[]> = None,
>(fields: F, options?: O): Declared<readonly Message<F>[], readonly MessageInput<F>[], O> {
  return { type: { kind: 'array', element: { kind: 'struct', fields } }, options: options ?? none }
}

/** One structure. */
export function struct<F extends Fields, const O extends FieldOptions<MessageInput<F>> = None>(
  fields: F,
  options?: O,
): Declared<Message<F>, MessageInput<F>, O> {
  return { type: { kind: 'struct', fields }, options: options ?? none }
}

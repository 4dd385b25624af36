import { discussionTimes } from '@millrace/contracts'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from './limits.ts'

const Id = Type.String({ minLength: 1, maxLength: limits.idLength })
const AuthorId = Type.Optional(Type.Union([Id, Type.Null()]))
const Time = Type.String({ pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.source })
const Content = Type.String({ minLength: 1, maxLength: limits.contentLength })
const common = {
  id: Id,
  threadId: Id,
  course: Type.String({ minLength: 1, maxLength: limits.courseIdLength }),
  author: AuthorId,
  createdAt: Time,
}

/** Lines as they stand in a file; fields not named here are ignored, so exports may carry more. */
const schemas = {
  thread: Type.Object({
    ...common,
    type: Type.Literal('thread'),
    title: Type.String({ minLength: 1, maxLength: limits.titleLength }),
    body: Content,
  }),
  comment: Type.Object({
    ...common,
    type: Type.Literal('comment'),
    parentId: Id,
    kind: Type.Union([Type.Literal('answer'), Type.Literal('comment')]),
    body: Content,
  }),
  vote: Type.Object({
    ...common,
    type: Type.Literal('vote'),
    parentId: Id,
    vote: Type.Union([
      Type.Literal('up'),
      Type.Literal('down'),
      Type.Literal('accept'),
      Type.Literal('favorite'),
    ]),
  }),
  view: Type.Object({
    ...common,
    type: Type.Literal('view'),
    parentId: Id,
    count: Type.Integer({ minimum: 1, maximum: limits.viewsPerLine }),
  }),
} as const

type LineType = keyof typeof schemas

/** One line of an import, checked. `author` may be absent or null: unknown. */
export type ImportLine = { [Type in LineType]: Static<(typeof schemas)[Type]> }[LineType]

export type ParsedLine =
  | { readonly line: ImportLine }
  | { readonly id: string | null; readonly reason: string }

const validators = {
  thread: Compile(schemas.thread),
  comment: Compile(schemas.comment),
  vote: Compile(schemas.vote),
  view: Compile(schemas.view),
}

/** Reads one line. Never throws: what cannot be taken says why. */
export function parseImportLine(value: unknown): ParsedLine {
  const record = typeof value === 'object' && value !== null ? (value as { id?: unknown }) : {}
  const id = typeof record.id === 'string' ? record.id.slice(0, limits.idLength) : null
  const line = checkShape(value)
  const reason = typeof line === 'string' ? line : faultOf(line)
  if (reason === undefined) return { line: inMilliseconds(line as ImportLine) }
  return { id: id !== null && isStorable(id) ? id : null, reason }
}

function checkShape(value: unknown): ImportLine | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'it is not a JSON object'
  const { type } = value as { type?: unknown }
  if (typeof type !== 'string' || !Object.hasOwn(validators, type))
    return `type must be one of ${Object.keys(validators).join(', ')}`
  const validator = validators[type as LineType]
  if (validator.Check(value)) return value
  const [first] = validator.Errors(value)
  return `${first?.instancePath.slice(1).replaceAll('/', '.') ?? ''} ${first?.message ?? 'does not fit'}`.trim()
}

/** As events and cursors have it: finer times would fall between two pages of a list. */
function inMilliseconds(line: ImportLine): ImportLine {
  return { ...line, createdAt: new Date(line.createdAt).toISOString() }
}

/** A time that there was: `Date.parse` takes February 30 for March 2, and Postgres refuses it with the whole batch. */
function isTime(text: string): boolean {
  const timeMs = Date.parse(text)
  if (!(timeMs >= discussionTimes.fromMs && timeMs < discussionTimes.endMs)) return false
  const secondsLength = 'YYYY-MM-DDTHH:MM:SS'.length
  return new Date(timeMs).toISOString().slice(0, secondsLength) === text.slice(0, secondsLength)
}

/** What the schema cannot say. */
function faultOf(line: ImportLine): string | undefined {
  if (!isTime(line.createdAt)) return 'createdAt is no time of the years 1901 to 9999'
  if (line.type === 'thread' && line.threadId !== line.id)
    return "a thread's threadId must be its id"
  if (line.type === 'view' && line.parentId !== line.threadId) return 'views are of threads'
  const unstorable = Object.entries(line).find(
    ([, text]) => typeof text === 'string' && !isStorable(text),
  )
  return unstorable && `${unstorable[0]} holds U+0000 or half a surrogate pair`
}

/** Postgres stores neither. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

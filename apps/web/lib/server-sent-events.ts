/** One event of a `text/event-stream`. `id` is the last id seen on the stream, as the standard has it. */
export interface ServerSentEvent {
  readonly type: string
  readonly data: string
  readonly id: string | null
}

/** Longest unfinished event kept, in characters; a server that sends more is not speaking this protocol. */
const maxBufferedLength = 1_000_000

/**
 * Parses a `text/event-stream` piece by piece (WHATWG HTML, "Interpreting an event stream").
 * `push` takes any cut of the text and returns the events completed by it.
 */
export class ServerSentEventParser {
  #buffer = ''
  #type = ''
  #data: string[] = []
  #id: string | null = null

  push(piece: string): readonly ServerSentEvent[] {
    this.#buffer += piece
    if (this.#buffer.length > maxBufferedLength) {
      throw new RangeError(`an event longer than ${maxBufferedLength} characters came`)
    }
    const events: ServerSentEvent[] = []
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#buffer)
      if (end === null) return events
      const line = this.#buffer.slice(0, end.index)
      this.#buffer = this.#buffer.slice(end.index + end[0].length)
      const event = this.#line(line)
      if (event !== null) events.push(event)
    }
  }

  #line(line: string): ServerSentEvent | null {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return null
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#type = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    return null
  }

  #dispatch(): ServerSentEvent | null {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id }
    const isEmpty = this.#data.length === 0
    this.#type = ''
    this.#data = []
    return isEmpty ? null : event
  }
}

import type { CausationContext } from '@millrace/events'
import type { Outbox } from '@millrace/outbox'
import type { Queryable } from '@millrace/postgres'
import { addComment } from './acts/comment-acts.ts'
import { createThread, viewThread } from './acts/thread-acts.ts'
import { castVote } from './acts/vote-acts.ts'
import { publish } from './discussions.ts'
import type { Outcome } from './domain/fact.ts'
import { parseImportLine, type ImportLine } from './domain/import-line.ts'
import { importReasonOf } from './errors.ts'
import { beginBatch, noteLines } from './sql/import-lines.ts'

/** What became of one line. */
export interface LineResult {
  readonly id: string | null
  readonly result: 'created' | 'exists' | 'refused'
  readonly reason?: string
}

/**
 * Takes lines in one transaction, by the same acts as the public routes, with their events in the order of the lines. A line that took
 * effect before is known by its id and left alone; one that cannot be taken is refused without harm to the others.
 * @returns one result per line, in order
 */
export async function importBatch(
  outbox: Outbox,
  context: CausationContext,
  values: readonly unknown[],
): Promise<readonly LineResult[]> {
  const parsed = values.map(parseImportLine)
  const lines = new Map<string, ImportLine>()
  for (const each of parsed)
    if ('line' in each && !lines.has(each.line.id)) lines.set(each.line.id, each.line)
  const results = await applyLines(outbox, context, lines)
  const told = new Set<string>()
  return parsed.map((each): LineResult => {
    if (!('line' in each)) return { id: each.id, result: 'refused', reason: each.reason }
    const { id } = each.line
    const result = results.get(id) ?? { id, result: 'exists' }
    // The same line a second time in one batch.
    if (told.has(id) && result.result === 'created') return { id, result: 'exists' }
    told.add(id)
    return result
  })
}

async function applyLines(
  outbox: Outbox,
  context: CausationContext,
  lines: ReadonlyMap<string, ImportLine>,
): Promise<ReadonlyMap<string, LineResult>> {
  const threadIds = new Set([...lines.values()].map((line) => line.threadId))
  return outbox.transaction(async (tx) => {
    const known = await beginBatch(tx, [...threadIds], [...lines.keys()])
    const fresh = [...lines.values()].filter((line) => !known.has(line.id))
    // All statements leave at once and run in this order, so a comment finds the thread of an earlier line.
    const outcomes = await Promise.all(fresh.map((line) => applyLine(tx, line)))
    const results = new Map<string, LineResult>()
    const created: string[] = []
    outcomes.forEach((outcome, index) => {
      const id = fresh[index]?.id ?? ''
      results.set(id, resultOf(id, outcome))
      if (!('fact' in outcome) || outcome.fact === null) return
      publish(tx, outcome.fact, context)
      created.push(id)
    })
    if (created.length > 0) await noteLines(tx, created)
    return results
  })
}

function applyLine(tx: Queryable, line: ImportLine): Promise<Outcome> {
  const { id, threadId, createdAt } = line
  const authorId = line.author ?? null
  switch (line.type) {
    case 'thread':
      return createThread(tx, {
        id,
        courseId: line.course,
        authorId,
        title: line.title,
        content: line.body,
        createdAt,
      })
    case 'comment':
      return addComment(tx, {
        id,
        threadId,
        parentId: line.parentId === threadId ? null : line.parentId,
        kind: line.kind,
        authorId,
        content: line.body,
        createdAt,
      })
    case 'vote':
      return castVote(tx, {
        id,
        threadId,
        postId: line.parentId,
        voterId: authorId,
        kind: line.vote,
        castAt: createdAt,
        mayReplace: false,
      })
    case 'view':
      return viewThread(tx, {
        threadId,
        viewerId: authorId,
        count: line.count,
        viewedAt: createdAt,
      })
  }
}

function resultOf(id: string, outcome: Outcome): LineResult {
  if (!('refusal' in outcome)) return { id, result: 'created' }
  if (outcome.refusal === 'id-taken') return { id, result: 'exists' }
  return { id, result: 'refused', reason: importReasonOf(outcome.refusal) }
}

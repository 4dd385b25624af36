import { ProblemError } from '@millrace/runtime'
import type { Refusal } from './domain/fact.ts'

/** Codes of this service's own problems, and their status; those of the runtime come on top. */
export const discussionsProblems = {
  MR_DISCUSSIONS_THREAD_NOT_FOUND: 404,
  MR_DISCUSSIONS_COMMENT_NOT_FOUND: 404,
  MR_DISCUSSIONS_PARENT_NOT_FOUND: 404,
  MR_DISCUSSIONS_NOT_AUTHOR: 403,
  MR_DISCUSSIONS_THREAD_FULL: 409,
  MR_DISCUSSIONS_ID_TAKEN: 409,
  MR_DISCUSSIONS_VOTED_ALREADY: 409,
  MR_DISCUSSIONS_IMPORT_CLOSED: 403,
  MR_DISCUSSIONS_IMPORT_TOKEN: 401,
} as const

/** A refusal in the words of the public routes, and in those of the report on an import. */
const words: Record<
  Refusal,
  {
    readonly code: keyof typeof discussionsProblems
    readonly detail: string
    readonly inImport: string
    readonly field?: string
  }
> = {
  'thread-not-found': {
    code: 'MR_DISCUSSIONS_THREAD_NOT_FOUND',
    detail: 'There is no thread with this id, or it was deleted.',
    inImport:
      'its thread is unknown or was deleted; the line of a thread must come before all others of it',
  },
  'comment-not-found': {
    code: 'MR_DISCUSSIONS_COMMENT_NOT_FOUND',
    detail: 'This thread has no comment with this id, or one of them was deleted.',
    inImport: 'the post it belongs to is unknown in its thread, or was deleted',
  },
  'parent-not-found': {
    code: 'MR_DISCUSSIONS_PARENT_NOT_FOUND',
    detail:
      'The comment to be answered is not in this thread, or was deleted. Nothing was changed.',
    inImport: 'its parent is unknown in its thread, or was deleted',
    field: 'parentId',
  },
  'not-author': {
    code: 'MR_DISCUSSIONS_NOT_AUTHOR',
    detail: 'Only its author may change or delete this. Nothing was changed.',
    inImport: 'only its author may change it',
  },
  'thread-full': {
    code: 'MR_DISCUSSIONS_THREAD_FULL',
    detail: 'This thread has as many comments as a thread may have. Open another one.',
    inImport: 'its thread has as many comments as a thread may have',
  },
  'id-taken': {
    code: 'MR_DISCUSSIONS_ID_TAKEN',
    detail: 'The id is taken. Nothing was changed.',
    inImport: 'its id is taken',
  },
  'voted-already': {
    code: 'MR_DISCUSSIONS_VOTED_ALREADY',
    detail: 'There is an earlier vote of this person on this post. Nothing was changed.',
    inImport: 'its author has voted on this post already',
  },
}

export function problemOfRefusal(refusal: Refusal): ProblemError {
  const { code, detail, field } = words[refusal]
  return new ProblemError(discussionsProblems[code], code, detail, {
    ...(field !== undefined && {
      errors: [{ field, reason: 'is not known', in: 'body' as const }],
    }),
  })
}

export function importReasonOf(refusal: Refusal): string {
  return words[refusal].inImport
}

import { useMutation } from '@tanstack/react-query'
import { recordAct } from '../../follow/own-acts.ts'
import {
  addComment,
  deleteComment,
  deleteThread,
  editComment,
  editThread,
  setVote,
} from '../api.ts'
import { toComment, withVote } from '../mappers.ts'
import type { Thread, VoteValue } from '../model.ts'
import { useThreadCache } from './use-thread.ts'

export interface VoteInput {
  /** Null: the thread itself. */
  readonly commentId: string | null
  readonly value: VoteValue
}

/** Votes show at once and are taken back when the service refuses them. */
export function useVote(threadId: string) {
  const cache = useThreadCache(threadId)
  return useMutation({
    mutationFn: ({ commentId, value }: VoteInput) =>
      recordAct({ label: value === 0 ? 'Your vote, withdrawn' : 'Your vote', threadId }, () =>
        setVote({ threadId, commentId }, value),
      ),
    onMutate: (input) => cache.update((thread) => votedThread(thread, input)),
    onError: (_error, _input, before) => cache.restore(before),
    onSettled: () => cache.refresh(),
  })
}

function votedThread(thread: Thread, { commentId, value }: VoteInput): Thread {
  if (commentId === null) return { ...thread, votes: withVote(thread.votes, value) }
  return {
    ...thread,
    comments: thread.comments.map((comment) =>
      comment.id === commentId ? { ...comment, votes: withVote(comment.votes, value) } : comment,
    ),
  }
}

export function useAddComment(threadId: string) {
  const cache = useThreadCache(threadId)
  return useMutation({
    mutationFn: (input: { readonly content: string; readonly parentId: string | null }) =>
      recordAct({ label: 'Your comment', threadId }, () => addComment(threadId, input)),
    onSuccess: async ({ body }) => {
      const added = toComment(body)
      cache.update((thread) => ({
        ...thread,
        commentCount: thread.commentCount + 1,
        comments: [...thread.comments.filter(({ id }) => id !== added.id), added],
      }))
      await cache.refresh()
    },
  })
}

export function useEditComment(threadId: string) {
  const cache = useThreadCache(threadId)
  return useMutation({
    mutationFn: (input: { readonly commentId: string; readonly content: string }) =>
      recordAct({ label: 'Your edit', threadId }, () =>
        editComment(threadId, input.commentId, input.content),
      ),
    onSuccess: () => cache.refresh(),
  })
}

export function useDeleteComment(threadId: string) {
  const cache = useThreadCache(threadId)
  return useMutation({
    mutationFn: (commentId: string) =>
      recordAct({ label: 'Your deletion', threadId }, () => deleteComment(threadId, commentId)),
    onSuccess: () => cache.refresh(),
  })
}

export function useEditThread(threadId: string) {
  const cache = useThreadCache(threadId)
  return useMutation({
    mutationFn: (change: { readonly title: string; readonly content: string }) =>
      recordAct({ label: 'Your edit', threadId }, () => editThread(threadId, change)),
    onSuccess: () => cache.refresh(),
  })
}

export function useDeleteThread(threadId: string, onDone: () => Promise<void>) {
  const cache = useThreadCache(threadId)
  return useMutation({
    mutationFn: () => recordAct({ label: 'Your deletion', threadId }, () => deleteThread(threadId)),
    onSuccess: async () => {
      await onDone()
      await cache.forget()
    },
  })
}

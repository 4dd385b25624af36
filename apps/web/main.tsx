import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiProblem } from './lib/problem.ts'
import { router } from './router.tsx'
import './ui/tokens.css'
import './ui/base.css'
import './ui/components.css'
import './features/shell/shell.css'

/** Tries after the first before a fault is shown; then the reader, or a part that became ready, asks again. */
const maxRetries = 2

const client = new QueryClient({
  defaultOptions: {
    mutations: { networkMode: 'always' },
    queries: {
      staleTime: 5000,
      // The gateway may be on this very machine: it is there when the browser takes itself to be offline.
      networkMode: 'always',
      retry: (failures, error) =>
        failures < maxRetries && error instanceof ApiProblem && error.isRetryable,
      retryDelay: (failures) => 250 * 2 ** failures,
    },
  },
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)

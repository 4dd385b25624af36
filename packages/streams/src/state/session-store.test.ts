import { sessionStore } from './session-store.ts'
import { sessionStoreContract } from './session-store.contract.ts'

sessionStoreContract('session store in memory', sessionStore)

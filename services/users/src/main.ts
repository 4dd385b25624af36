import { runService } from '@millrace/runtime'
import { usersService } from './service.ts'

await runService(usersService)

import type { WorkerMessage } from './formatter'
import { parse } from './parse'

const post = (message: WorkerMessage) => postMessage(message)

onmessage = ({ data }: MessageEvent<string>) => post({ type: 'done', tree: parse(data) })

post({ type: 'ready' })

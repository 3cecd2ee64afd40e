import type { FromWorker } from './formatter'
import { parse } from './parse'

const tell = (message: FromWorker) => postMessage(message)

onmessage = ({ data }: MessageEvent<string>) => tell({ type: 'done', tree: parse(data) })

tell({ type: 'ready' })

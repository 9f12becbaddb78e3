import {media} from '../integration/media/videos.js'
import {mediaContract} from './media.js'

mediaContract('FfmpegMedia', media)

import {sandboxContract} from './sandbox.js'

sandboxContract('process')

export { hasSoundFiles, readWhatIsLeft } from './database-files.js';

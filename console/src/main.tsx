/** The console: where people look rather than read. */
import { render } from "solid-js/web";
import "@fontsource/ibm-plex-mono/latin-400.css";
import "@fontsource/ibm-plex-mono/latin-500.css";
import "@fontsource/ibm-plex-sans/latin-400.css";
import "@fontsource/ibm-plex-sans/latin-600.css";
import "./style.css";
import { Shell } from "./shell/shell.tsx";

render(() => <Shell />, document.getElementById("app")!);

import ArgumentParser

/// Where settings come from that the command line doesn't give.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "Configuration file (YAML). Options win over variables of the environment, and those over the file. Default: $TETHER_CONFIG.",
            valueName: "file"))
    var file: String?
}

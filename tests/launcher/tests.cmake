# Tests of launcher/.
cogdist_test(launcher/append_file)
cogdist_test(launcher/metrics_log LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/run_directory)
cogdist_test(launcher/stop_request)

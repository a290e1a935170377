"""nuScenes format: tables, infos, data set, writer."""
